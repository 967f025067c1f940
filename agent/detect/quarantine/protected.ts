import { readFileSync, statSync, type BigIntStats } from 'node:fs';
import { posix, win32 } from 'node:path';

export interface ProtectedParts {
  readonly platform: NodeJS.Platform;
  /** Files and folders of the agent itself: data, program, settings. */
  readonly ownPaths: readonly string[];
  /** Programs and libraries that the system needs to run, links followed. Default: those of this system. */
  readonly systemFiles?: () => readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** What a system does not start without. */
const LINUX_PLACES = ['/boot', '/etc/passwd', '/etc/shadow', '/etc/group', '/etc/fstab', '/etc/sudoers'];
const WINDOWS_PLACES = [
  'Boot',
  'System32\\config',
  ...[
    ...['ntoskrnl', 'smss', 'csrss', 'wininit', 'winlogon', 'services', 'lsass', 'svchost', 'winload'],
    ...['userinit', 'dwm', 'fontdrvhost', 'lsaiso'],
  ].map((name) => `System32\\${name}.exe`),
  ...[
    'ntdll',
    'kernel32',
    'kernelbase',
    'user32',
    'gdi32',
    'advapi32',
    'rpcrt4',
    'msvcrt',
    'hal',
    'win32u',
  ].map((name) => `System32\\${name}.dll`),
  'explorer.exe',
];

/**
 * Tells why a file must stay where it is: an indicator may be wrong, and a device that does not start, or an agent that is
 * gone, helps nobody. A hard link to such a file counts as that file.
 */
export function protection(parts: ProtectedParts): (path: string, stat: BigIntStats) => string | undefined {
  const { platform, ownPaths, systemFiles = () => filesOfTheSystem(platform) } = parts;
  const places = platform === 'win32' ? windowsPlaces(parts.environment ?? process.env) : LINUX_PLACES;
  return (path, stat) => {
    const isIn = (place: string): boolean => isWithin(path, place, platform) || isSame(place, stat);
    if (ownPaths.some(isIn)) return 'it belongs to the agent';
    if (places.some(isIn) || systemFiles().some(isIn)) return 'the system does not run without it';
    return undefined;
  };
}

/**
 * What the first process runs and has loaded, the C library and its loader among it, and what this agent has. The kernel's
 * files are in /boot.
 */
function filesOfTheSystem(platform: NodeJS.Platform): string[] {
  if (platform !== 'linux') return [];
  return ['1', 'self'].flatMap((id) => [...new Set([`/proc/${id}/exe`, ...mapped(id)])]);
}

function mapped(processId: string): string[] {
  // address perms offset dev inode path
  return read(`/proc/${processId}/maps`)
    .split('\n')
    .flatMap((line) => /^(?:\S+\s+){5}(\/.*)$/.exec(line)?.[1] ?? []);
}

/** Nothing, where it may not be read or is not there: the program itself is protected all the same. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function windowsPlaces(environment: NodeJS.ProcessEnv): string[] {
  const root = environment['SystemRoot'] ?? 'C:\\Windows';
  return [...WINDOWS_PLACES.map((place) => win32.join(root, place)), win32.join(root[0] + ':\\', 'bootmgr')];
}

function isWithin(path: string, place: string, platform: NodeJS.Platform): boolean {
  const separator = platform === 'win32' ? win32.sep : posix.sep;
  const plain = (text: string): string => (platform === 'win32' ? text.toLowerCase() : text);
  return plain(path) === plain(place) || plain(path).startsWith(plain(place) + separator);
}

function isSame(place: string, { dev, ino }: BigIntStats): boolean {
  try {
    const stat = statSync(place, { bigint: true });
    return stat.isFile() && stat.dev === dev && stat.ino === ino;
  } catch {
    return false;
  }
}
