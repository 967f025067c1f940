import { IocScanSettings, ScanArea } from '../../shared/gen/cordon/v1/ioc.js';
import { DetectionResponse, type IocScanTask, type TaskScope } from '../../shared/gen/cordon/v1/task.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { CliError, ExitCode } from '../exit.js';
import { filterOf } from '../filter.js';
import type { Area, Response, ScanFlags } from './flags.js';
import { momentAt } from './schedule.js';

/** A task with flags in it, and the fields that they change, as an update mask names them. */
export interface Applied {
  readonly task: IocScanTask;
  readonly mask: readonly string[];
}

/**
 * Puts flags into a task.
 * @param hashes of the documents that --document names; undefined: it was not given
 * @param now milliseconds since 1970
 */
export function applyScanFlags(
  task: IocScanTask,
  flags: ScanFlags,
  hashes: readonly Buffer[] | undefined,
  now: number,
): Applied {
  const changes: Partial<IocScanTask> = {
    ...given('scope', scopeOf(flags)),
    ...given('documentHashes', hashes && [...hashes]),
    ...planOf(flags, now),
    ...given('timeZone', flags.timeZone),
    ...given('randomSpread', flags.spread === undefined ? undefined : toDuration(flags.spread)),
    ...given('timeLimit', flags.timeLimit === undefined ? undefined : toDuration(flags.timeLimit)),
    ...given('skipMissed', flags.skipMissed),
    ...given('settings', settingsOf(task.settings, flags)),
    ...given('response', flags.respond && responseOf(flags.respond)),
  };
  return { task: { ...task, ...changes }, mask: Object.keys(changes).map(snakeCase) };
}

function given<Name extends keyof IocScanTask>(
  name: Name,
  value: IocScanTask[Name] | undefined,
): Partial<IocScanTask> {
  return value === undefined ? {} : { [name]: value };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What the scan is for. Undefined: no flag says so. */
export function scopeOf(flags: ScanFlags): TaskScope | undefined {
  if (flags.device !== undefined) return { target: { $case: 'deviceId', value: flags.device } };
  const filter = filterOf(flags);
  if (!filter) return undefined;
  const rest = filterOf({ ...flags, group: undefined });
  return rest
    ? { target: { $case: 'filter', value: filter } }
    : { target: { $case: 'groupId', value: filter.groupId } };
}

/** `schedule` and `start_at` exclude each other: what sets one clears the other. */
function planOf(flags: ScanFlags, now: number): Partial<IocScanTask> {
  const schedule = flags.daily ?? flags.weekly ?? flags.cron;
  if (schedule !== undefined) return { schedule, startAt: undefined };
  if (flags.onDemand) return { schedule: '', startAt: undefined };
  if (flags.at === undefined) return {};
  const at = momentAt(flags.at, now);
  if (at <= now) {
    throw new CliError(ExitCode.USAGE, '--at: this time is over', 'give a later one, or "+1m"');
  }
  return { schedule: '', startAt: toTimestamp(at) };
}

function settingsOf(before: IocScanSettings | undefined, flags: ScanFlags): IocScanSettings | undefined {
  const changes: Partial<IocScanSettings> = {
    ...(flags.area === undefined ? {} : { area: AREA_OF[flags.area] }),
    ...(flags.folder === undefined ? {} : { folders: listOf(flags.folder) }),
    ...(flags.exclude === undefined ? {} : { excludedPaths: listOf(flags.exclude) }),
    ...(flags.networkFileSystems === undefined ? {} : { networkFileSystems: flags.networkFileSystems }),
    ...(flags.maxFileSize === undefined ? {} : { maxFileBytes: BigInt(flags.maxFileSize) }),
    ...(flags.cpu === undefined ? {} : { cpuPercent: flags.cpu }),
    ...(flags.rate === undefined ? {} : { maxBytesPerSecond: BigInt(flags.rate) }),
    ...(flags.without === undefined ? {} : { disabledItemTypes: [...flags.without] }),
  };
  if (Object.keys(changes).length === 0) return undefined;
  const after = IocScanSettings.fromPartial({ ...before, ...changes });
  if (after.area === ScanArea.SCAN_AREA_FOLDERS && after.folders.length === 0) {
    throw new CliError(
      ExitCode.USAGE,
      '--area folders needs to know which folders',
      'add --folder, for example --folder /opt',
    );
  }
  return after;
}

const AREA_OF: Readonly<Record<Area, ScanArea>> = {
  critical: ScanArea.SCAN_AREA_CRITICAL,
  'local-drives': ScanArea.SCAN_AREA_LOCAL_DRIVES,
  folders: ScanArea.SCAN_AREA_FOLDERS,
};

function listOf(paths: readonly string[]): string[] {
  return paths.length === 1 && paths[0] === 'none' ? [] : [...paths];
}

function responseOf(actions: readonly Response[]): DetectionResponse {
  return DetectionResponse.fromPartial({
    takeResponseActions: actions.length > 0,
    isolateComputer: actions.includes('isolate'),
    quarantineFile: actions.includes('quarantine'),
    killProcess: actions.includes('kill'),
  });
}
