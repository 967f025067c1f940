import type { IocScanSettings } from '../../shared/gen/cordon/v1/ioc.js';
import { IocScanSettings as Settings } from '../../shared/gen/cordon/v1/ioc.js';
import { DetectionResponse, type IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import type { Mask } from './update-mask.js';

/** Paths of an update mask that change an IOC scan task. */
export const SCAN_PATHS = [
  'display_name',
  'scope',
  'document_hashes',
  'schedule',
  'start_at',
  'time_zone',
  'random_spread',
  'time_limit',
  'skip_missed',
  'response',
  'response.take_response_actions',
  'response.isolate_computer',
  'response.quarantine_file',
  'response.kill_process',
  'settings',
  'settings.area',
  'settings.folders',
  'settings.excluded_paths',
  'settings.network_file_systems',
  'settings.max_file_bytes',
  'settings.cpu_percent',
  'settings.max_bytes_per_second',
  'settings.disabled_item_types',
] as const;

export type ScanPath = (typeof SCAN_PATHS)[number];
export type ScanMask = Mask<ScanPath>;

/** A task after an update: `before` with the fields of `asked` that the mask names. */
export function updatedScanTask(before: IocScanTask, asked: IocScanTask, mask: ScanMask): IocScanTask {
  const from = (path: ScanPath): IocScanTask => (mask.has(path) ? asked : before);
  return {
    ...before,
    displayName: from('display_name').displayName,
    scope: from('scope').scope,
    documentHashes: from('document_hashes').documentHashes,
    schedule: from('schedule').schedule,
    startAt: from('start_at').startAt,
    timeZone: from('time_zone').timeZone,
    randomSpread: from('random_spread').randomSpread,
    timeLimit: from('time_limit').timeLimit,
    skipMissed: from('skip_missed').skipMissed,
    response: updatedResponse(before.response, asked.response, mask),
    settings: updatedSettings(before.settings, asked.settings, mask),
  };
}

function updatedResponse(
  before: DetectionResponse | undefined,
  asked: DetectionResponse | undefined,
  mask: ScanMask,
): DetectionResponse | undefined {
  if (mask.has('response')) return asked;
  if (![...mask].some((path) => path.startsWith('response.'))) return before;
  const kept = before ?? DetectionResponse.fromPartial({});
  const given = asked ?? DetectionResponse.fromPartial({});
  const from = (path: ScanPath): DetectionResponse => (mask.has(path) ? given : kept);
  return {
    takeResponseActions: from('response.take_response_actions').takeResponseActions,
    isolateComputer: from('response.isolate_computer').isolateComputer,
    quarantineFile: from('response.quarantine_file').quarantineFile,
    killProcess: from('response.kill_process').killProcess,
  };
}

function updatedSettings(
  before: IocScanSettings | undefined,
  asked: IocScanSettings | undefined,
  mask: ScanMask,
): IocScanSettings | undefined {
  if (mask.has('settings')) return asked;
  if (![...mask].some((path) => path.startsWith('settings.'))) return before;
  const kept = before ?? Settings.fromPartial({});
  const given = asked ?? Settings.fromPartial({});
  const from = (path: ScanPath): IocScanSettings => (mask.has(path) ? given : kept);
  return {
    area: from('settings.area').area,
    folders: from('settings.folders').folders,
    excludedPaths: from('settings.excluded_paths').excludedPaths,
    networkFileSystems: from('settings.network_file_systems').networkFileSystems,
    maxFileBytes: from('settings.max_file_bytes').maxFileBytes,
    cpuPercent: from('settings.cpu_percent').cpuPercent,
    maxBytesPerSecond: from('settings.max_bytes_per_second').maxBytesPerSecond,
    disabledItemTypes: from('settings.disabled_item_types').disabledItemTypes,
  };
}
