import { splitHive } from '../../../../shared/ioc/registry-hives.js';
import type { RootKey } from './registry-calls.js';

/** A key that is read, and how far below it. */
export interface Place {
  readonly root: RootKey;
  /** Without the root. */
  readonly path: string;
  /** 0: its own values only. */
  readonly depth: number;
}

type Listed = readonly [path: string, depth: number];

/**
 * Keys of the computer and of every user that is logged on, below `Software`: what programs are started from, what is loaded
 * into them, and what is installed.
 */
const SOFTWARE: readonly Listed[] = [
  ['Microsoft\\Windows\\CurrentVersion\\Run', 1],
  ['Microsoft\\Windows\\CurrentVersion\\RunOnce', 1],
  ['Microsoft\\Windows\\CurrentVersion\\RunOnceEx', 2],
  ['Microsoft\\Windows\\CurrentVersion\\RunServices', 1],
  ['Microsoft\\Windows\\CurrentVersion\\RunServicesOnce', 1],
  ['Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer', 2],
  ['Microsoft\\Windows\\CurrentVersion\\Policies\\System', 1],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders', 0],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders', 0],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\RunMRU', 0],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\Browser Helper Objects', 1],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\ShellExecuteHooks', 0],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\SharedTaskScheduler', 0],
  ['Microsoft\\Windows\\CurrentVersion\\Explorer\\ShellIconOverlayIdentifiers', 1],
  ['Microsoft\\Windows\\CurrentVersion\\ShellServiceObjectDelayLoad', 0],
  ['Microsoft\\Windows\\CurrentVersion\\Shell Extensions', 1],
  ['Microsoft\\Windows\\CurrentVersion\\Uninstall', 1],
  ['Microsoft\\Windows\\CurrentVersion\\App Paths', 1],
  ['Microsoft\\Windows\\CurrentVersion\\Authentication', 2],
  ['Microsoft\\Windows NT\\CurrentVersion\\Winlogon', 2],
  ['Microsoft\\Windows NT\\CurrentVersion\\Windows', 1],
  ['Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options', 1],
  ['Microsoft\\Windows NT\\CurrentVersion\\SilentProcessExit', 1],
  ['Microsoft\\Windows NT\\CurrentVersion\\Drivers32', 0],
  ['Microsoft\\Windows NT\\CurrentVersion\\Svchost', 1],
  ['Microsoft\\Windows NT\\CurrentVersion\\AppCompatFlags\\Custom', 1],
  ['Microsoft\\Windows NT\\CurrentVersion\\AppCompatFlags\\InstalledSDB', 1],
  ['Microsoft\\Windows NT\\CurrentVersion\\ProfileList', 1],
  ['Microsoft\\Active Setup\\Installed Components', 1],
  ['Microsoft\\Command Processor', 0],
  ['Policies\\Microsoft\\Windows\\System\\Scripts', 3],
  ...['exefile', 'comfile', 'batfile', 'cmdfile', 'htafile'].map((kind): Listed => [
    `Classes\\${kind}\\shell\\open\\command`,
    0,
  ]),
  ...['*', 'Directory', 'Folder'].map((kind): Listed => [
    `Classes\\${kind}\\shellex\\ContextMenuHandlers`,
    1,
  ]),
];

const SYSTEM: readonly Listed[] = [
  ['Services', 2],
  ['Services\\WinSock2\\Parameters', 3],
  ['Control\\Lsa', 1],
  ['Control\\SecurityProviders', 1],
  ['Control\\Session Manager', 1],
  ['Control\\Print\\Monitors', 1],
  ['Control\\NetworkProvider\\Order', 0],
  ['Control\\SafeBoot', 0],
  ['Control\\Terminal Server', 0],
  ['Control\\Terminal Server\\WinStations\\RDP-Tcp', 0],
];

/** Of every user that is logged on, beside those below `Software`. */
const USER: readonly Listed[] = [
  ['Environment', 0],
  ['Control Panel\\Desktop', 0],
  ['Software\\Classes\\CLSID', 2],
];

/**
 * The keys that are always read.
 * @param users hives below HKEY_USERS
 */
export function fixedPlaces(users: readonly string[]): Place[] {
  const machine = (path: string, depth: number): Place => ({ root: 'HKEY_LOCAL_MACHINE', path, depth });
  return [
    ...SOFTWARE.map(([path, depth]) => machine(`SOFTWARE\\${path}`, depth)),
    ...SOFTWARE.map(([path, depth]) => machine(`SOFTWARE\\WOW6432Node\\${path}`, depth)),
    ...SYSTEM.map(([path, depth]) => machine(`SYSTEM\\CurrentControlSet\\${path}`, depth)),
    ...users.flatMap((user) =>
      [...SOFTWARE.map(([path, depth]): Listed => [`Software\\${path}`, depth]), ...USER].map(
        ([path, depth]): Place => ({ root: 'HKEY_USERS', path: `${user}\\${path}`, depth }),
      ),
    ),
  ];
}

/** How far below a key that a document names. */
const NAMED_DEPTH = 2;

/**
 * Keys that a document names: with its hive or without, with the value behind it or without. Of a key that is named, and of
 * the key above it, in which a value of that name would be; what does not exist costs one question.
 * @param users hives below HKEY_USERS
 */
export function namedPlaces(literal: string, users: readonly string[]): Place[] {
  const { hive, key } = splitHive(literal.replace(/^\\+/, ''));
  const path = key
    .split('\\')
    .filter((part) => part !== '')
    .join('\\');
  if (path === '') return [];
  return rootsOf(hive, path, users).flatMap((named) => {
    const above = named.path.split('\\').slice(0, -1).join('\\');
    const below: Place = { ...named, depth: NAMED_DEPTH };
    // A user's hive as such, or all of them, is no name of a key.
    const isWhole = above === '' || (named.root === 'HKEY_USERS' && !above.includes('\\'));
    return isWhole ? [below] : [below, { ...named, path: above, depth: 0 }];
  });
}

type Root = Omit<Place, 'depth'>;

function rootsOf(hive: string | undefined, path: string, users: readonly string[]): Root[] {
  const machine = (below: string): Root[] =>
    views(below).map((seen) => ({ root: 'HKEY_LOCAL_MACHINE', path: seen }));
  const ofUsers = (below: string): Root[] =>
    users.map((user) => ({ root: 'HKEY_USERS', path: `${user}\\${below}` }));
  switch (hive) {
    case 'HKEY_LOCAL_MACHINE':
      return machine(path);
    case 'HKEY_USERS':
      return [{ root: 'HKEY_USERS', path }];
    case 'HKEY_CURRENT_USER':
      return ofUsers(path);
    case 'HKEY_CLASSES_ROOT':
      return [...machine(`SOFTWARE\\Classes\\${path}`), ...ofUsers(`Software\\Classes\\${path}`)];
    case 'HKEY_CURRENT_CONFIG':
      return machine(`SYSTEM\\CurrentControlSet\\Hardware Profiles\\Current\\${path}`);
    default:
      // One word is part of a name; no key lies at the top with it.
      if (!path.includes('\\')) return [];
      return [
        ...machine(path),
        ...machine(`SOFTWARE\\${path}`),
        ...machine(`SYSTEM\\${path}`),
        ...ofUsers(path),
        ...ofUsers(`Software\\${path}`),
      ];
  }
}

/** Where 32-bit programs find a key of `SOFTWARE`, beside where it says. */
function views(path: string): string[] {
  const [hive = '', ...rest] = path.split('\\');
  if (hive.toUpperCase() !== 'SOFTWARE' || rest[0]?.toUpperCase() === 'WOW6432NODE') return [path];
  return [path, ['SOFTWARE', 'WOW6432Node', ...rest].join('\\')];
}
