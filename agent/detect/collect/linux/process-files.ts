import type { SystemFiles } from './system-files.js';

/** Ticks of a second in /proc: the same on every architecture that Node.js runs on. */
const TICKS_PER_SECOND = 100;
const TICK_MS = 1000 / TICKS_PER_SECOND;

/** Most of a command line that is looked at, bytes. */
const COMMAND_LINE_LIMIT = 128 * 1024;
/** Most of the list of mapped files that is looked at, bytes. */
const MAPS_LIMIT = 4 * 1024 * 1024;
const DELETED = ' (deleted)';

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** As the kernel calls it, at most 15 bytes. */
  readonly command: string;
  /** Seconds of processor time in the kernel, and outside of it. */
  readonly kernelTime: number;
  readonly userTime: number;
  /** Milliseconds from the start of the computer to that of the process. */
  readonly startedAfterBoot: number;
}

/** Numbers of all processes. */
export function processIds(files: SystemFiles): number[] {
  return files
    .list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** From /proc/PID/stat; undefined when the process has ended. */
export function readProcess(files: SystemFiles, pid: number): ProcessFacts | undefined {
  const text = files.read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // A command may hold brackets and spaces of its own.
  const end = text.lastIndexOf(')');
  const fields = text
    .slice(end + 2)
    .split(' ')
    .map(Number);
  const at = (field: number): number => fields[field - 3] ?? Number.NaN;
  return {
    pid,
    parent: at(4),
    command: text.slice(text.indexOf('(') + 1, end),
    userTime: at(14) / TICKS_PER_SECOND,
    kernelTime: at(15) / TICKS_PER_SECOND,
    startedAfterBoot: at(22) * TICK_MS,
  };
}

/** When the computer was started, milliseconds since 1970 UTC, to the second. NaN where /proc does not tell. */
export function bootTime(files: SystemFiles): number {
  return Number(/^btime (\d+)$/m.exec(files.read('/proc/stat') ?? '')?.[1] ?? Number.NaN) * 1000;
}

/** Account in whose name the process runs. */
export function effectiveUser(files: SystemFiles, pid: number): number | undefined {
  const found = /^Uid:\s+\d+\s+(\d+)/m.exec(files.read(`/proc/${pid}/status`) ?? '');
  return found ? Number(found[1]) : undefined;
}

/** Program that it runs, also when its file has been deleted; undefined for a thread of the kernel. */
export function programPath(files: SystemFiles, pid: number): string | undefined {
  const path = files.link(`/proc/${pid}/exe`);
  return path === undefined ? undefined : withoutMark(path);
}

/** Its command line: program and arguments with a space between them. */
export function commandLine(files: SystemFiles, pid: number): string {
  const text = files.read(`/proc/${pid}/cmdline`, COMMAND_LINE_LIMIT) ?? '';
  return text.replace(/\0+$/, '').replaceAll('\0', ' ');
}

/** Files in its memory, each once. */
export function mappedFiles(files: SystemFiles, pid: number): string[] {
  const paths = new Set<string>();
  for (const line of (files.read(`/proc/${pid}/maps`, MAPS_LIMIT) ?? '').split('\n')) {
    const path = /^\S+ \S+ \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1];
    // The kernel writes a line feed in a name as \012.
    if (path !== undefined) paths.add(withoutMark(path.replaceAll('\\012', '\n')));
  }
  return [...paths];
}

function withoutMark(path: string): string {
  return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}
