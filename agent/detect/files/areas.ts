import { ScanArea, type IocScanSettings } from '../../../shared/gen/cordon/v1/ioc.js';

/**
 * Critical areas of Linux: programs and libraries, what starts with the system, home folders, folders that everybody may
 * write to. Content of servers in /srv is not among them, nor are /usr/share, /var/lib and containers.
 */
const LINUX = [
  '/bin',
  '/sbin',
  '/lib',
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib/systemd',
  '/usr/lib/security',
  '/usr/libexec',
  '/usr/local',
  '/boot',
  '/etc',
  '/opt',
  '/tmp',
  '/var/tmp',
  '/var/spool/cron',
  '/var/www',
  '/dev/shm',
  '/root',
  '/home',
  '/run/user',
];

/** Critical areas of Windows: programs, what all accounts share (with the startup folder), home folders, temporary files. */
function windowsAreas(env: NodeJS.ProcessEnv): string[] {
  const root = env['SystemRoot'] ?? 'C:\\Windows';
  const drive = env['SystemDrive'] ?? root.slice(0, 2);
  return [
    `${root}\\System32`,
    `${root}\\SysWOW64`,
    `${root}\\Tasks`,
    `${root}\\Temp`,
    env['ProgramFiles'] ?? `${drive}\\Program Files`,
    env['ProgramFiles(x86)'] ?? `${drive}\\Program Files (x86)`,
    env['ProgramData'] ?? `${drive}\\ProgramData`,
    `${drive}\\Users`,
    `${drive}\\Temp`,
  ];
}

export interface Places {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  /** Roots of all local drives of Windows, for example `C:\`. */
  readonly drives: (network: boolean) => readonly string[];
}

/**
 * Folders that a scan looks through. Some may not exist.
 * @param settings `folders` come in addition, except with SCAN_AREA_FOLDERS, where they are all
 */
export function foldersOf({ area, folders, networkFileSystems }: IocScanSettings, places: Places): string[] {
  const windows = places.platform === 'win32';
  switch (area) {
    case ScanArea.SCAN_AREA_FOLDERS:
      return [...folders];
    case ScanArea.SCAN_AREA_LOCAL_DRIVES:
      return [...(windows ? places.drives(networkFileSystems) : ['/']), ...folders];
    case ScanArea.SCAN_AREA_CRITICAL:
    case ScanArea.SCAN_AREA_UNSPECIFIED:
    case ScanArea.UNRECOGNIZED:
      return [...(windows ? windowsAreas(places.env) : LINUX), ...folders];
  }
}
