import type { Violation } from '../../shared/errors.js';
import { invalid } from '../../shared/errors.js';
import { ScanArea, type IocScanSettings } from '../../shared/gen/cordon/v1/ioc.js';
import { IocScanTask, type DetectionResponse } from '../../shared/gen/cordon/v1/task.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import { isId } from '../../shared/ids.js';
import { ITEM_TYPES } from '../../shared/ioc/model.js';
import { formatDuration, fromDuration, fromTimestamp } from '../../shared/time.js';
import { isTimeZone, scheduleProblem } from '../scans/schedule.js';
import { requireDisplayName } from './validate.js';

/** Path of the task in requests. */
export const SCAN_TASK = 'ioc_scan_task';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const HASH_BYTES = 32;
const MOST = { documents: 1000, paths: 1000, pathBytes: 4096, disabledTypes: 32 } as const;
const LARGEST_FILE = 1n << 40n;
const LEAST_RATE = 65_536n;
/** A run carries all of it to the device, and 50 may wait for a stream. */
const LARGEST_TASK_BYTES = 512 * 1024;
/** The end of the year 9999, which is where timestamps end. */
const LAST_START_MS = 253_402_300_799_000;

/**
 * Checks a whole task, as it was asked for or as an update has left it.
 * @param newStart whether `start_at` is new: one that has passed is nothing to wait for
 * @throws CordonError INVALID_FIELD with the paths of all fields in question
 */
export function checkScanTask(task: IocScanTask, now: number, newStart: boolean): void {
  requireDisplayName(`${SCAN_TASK}.display_name`, task.displayName);
  const violations = [
    ...checkName(task.displayName),
    ...checkDocuments(task.documentHashes),
    ...checkTimes(task, now, newStart),
    ...(task.response ? checkResponse(task.response) : []),
    ...(task.settings ? checkSettings(task.settings) : []),
  ];
  if (violations.length > 0) throw invalid(violations);
  const size = IocScanTask.encode(task).finish().length;
  if (size <= LARGEST_TASK_BYTES) return;
  const description = `must take at most ${LARGEST_TASK_BYTES} bytes; it takes ${size}: name fewer paths`;
  throw invalid([{ field: SCAN_TASK, description }]);
}

function checkName(name: string): Violation[] {
  // An id is accepted wherever a name is.
  if (!isId(name.toLowerCase())) return [];
  return [{ field: `${SCAN_TASK}.display_name`, description: 'must not look like an id' }];
}

function checkDocuments(hashes: readonly Buffer[]): Violation[] {
  const field = `${SCAN_TASK}.document_hashes`;
  if (hashes.length < 1 || hashes.length > MOST.documents) {
    return [{ field, description: `must have 1 to ${MOST.documents} documents; it has ${hashes.length}` }];
  }
  return hashes.flatMap(({ length }, index) =>
    length === HASH_BYTES
      ? []
      : [{ field: `${field}[${index}]`, description: `must be a SHA-256 of ${HASH_BYTES} bytes` }],
  );
}

function checkTimes(task: IocScanTask, now: number, newStart: boolean): Violation[] {
  const { schedule, startAt, timeZone, randomSpread, timeLimit } = task;
  const problem = schedule === '' ? undefined : scheduleProblem(schedule, now);
  const startMs = startAt && fromTimestamp(startAt);
  return [
    ...(problem === undefined ? [] : [{ field: `${SCAN_TASK}.schedule`, description: problem }]),
    ...(schedule !== '' && startAt
      ? [{ field: `${SCAN_TASK}.start_at`, description: 'must be absent where there is a schedule' }]
      : []),
    ...(startMs !== undefined && newStart && !(startMs > now && startMs <= LAST_START_MS)
      ? [{ field: `${SCAN_TASK}.start_at`, description: 'must be in the future; absent: when told to' }]
      : []),
    ...(timeZone !== '' && !isTimeZone(timeZone)
      ? [
          {
            field: `${SCAN_TASK}.time_zone`,
            description: `"${timeZone.slice(0, 64)}" is no IANA time zone, for example Europe/Berlin`,
          },
        ]
      : []),
    ...checkDuration('random_spread', randomSpread, 0, DAY),
    ...checkDuration('time_limit', timeLimit, MINUTE, 7 * DAY),
  ];
}

function checkDuration(
  field: string,
  duration: Duration | undefined,
  leastMs: number,
  mostMs: number,
): Violation[] {
  if (!duration) return [];
  const ms = fromDuration(duration);
  if (ms >= leastMs && ms <= mostMs) return [];
  const least = leastMs === 0 ? '0s' : formatDuration(leastMs);
  return [{ field: `${SCAN_TASK}.${field}`, description: `must be ${least} to ${formatDuration(mostMs)}` }];
}

function checkResponse(response: DetectionResponse): Violation[] {
  if (response.takeResponseActions) return [];
  const wanted = [
    ...(response.isolateComputer ? ['isolate_computer'] : []),
    ...(response.quarantineFile ? ['quarantine_file'] : []),
    ...(response.killProcess ? ['kill_process'] : []),
  ];
  return wanted.map((name) => ({
    field: `${SCAN_TASK}.response.${name}`,
    description: 'is only for a task with take_response_actions',
  }));
}

function checkSettings(settings: IocScanSettings): Violation[] {
  const { area, folders, excludedPaths, maxFileBytes, cpuPercent, maxBytesPerSecond } = settings;
  const at = (name: string, description: string): Violation => ({
    field: `${SCAN_TASK}.settings.${name}`,
    description,
  });
  return [
    ...(area in ScanArea && (area as number) >= 0
      ? []
      : [at('area', 'is an area that this version does not know; upgrade the server')]),
    ...(area === ScanArea.SCAN_AREA_FOLDERS && folders.length === 0
      ? [at('folders', 'must name at least one folder for SCAN_AREA_FOLDERS')]
      : []),
    ...checkPaths(`${SCAN_TASK}.settings.folders`, folders, isAbsolute),
    ...checkPaths(`${SCAN_TASK}.settings.excluded_paths`, excludedPaths, isAbsolutePattern),
    ...(maxFileBytes > LARGEST_FILE
      ? [at('max_file_bytes', 'must be 1 byte to 1 TiB, or 0 for the default')]
      : []),
    ...(cpuPercent > 100 ? [at('cpu_percent', 'must be 1 to 100, or 0 for the default')] : []),
    ...(maxBytesPerSecond !== 0n && maxBytesPerSecond < LEAST_RATE
      ? [at('max_bytes_per_second', `must be at least ${LEAST_RATE}, or 0 for no limit`)]
      : []),
    ...checkDisabled(settings.disabledItemTypes),
  ];
}

function checkPaths(field: string, paths: readonly string[], inForm: (path: string) => boolean): Violation[] {
  if (paths.length > MOST.paths) {
    return [{ field, description: `must have at most ${MOST.paths} paths; it has ${paths.length}` }];
  }
  return paths.flatMap((path, index) => {
    const bytes = Buffer.byteLength(path);
    const problem =
      bytes < 1 || bytes > MOST.pathBytes
        ? `must have 1 to ${MOST.pathBytes} bytes; it has ${bytes}`
        : path.includes('\0')
          ? 'must not hold a NUL'
          : inForm(path)
            ? undefined
            : 'must be an absolute path, for example /srv/data or D:\\Data';
    return problem === undefined ? [] : [{ field: `${field}[${index}]`, description: problem }];
  });
}

/** The absolute form of either system: which one a device has is known only there. */
function isAbsolute(path: string): boolean {
  return /^(\/|[A-Za-z]:[\\/]|\\\\[^\\])/.test(path);
}

/** The same, where the letter of a drive may be a wildcard. */
function isAbsolutePattern(path: string): boolean {
  return isAbsolute(path) || /^[?*]:[\\/]/.test(path);
}

function checkDisabled(types: readonly string[]): Violation[] {
  const field = `${SCAN_TASK}.settings.disabled_item_types`;
  if (types.length > MOST.disabledTypes) {
    return [{ field, description: `must have at most ${MOST.disabledTypes} kinds; it has ${types.length}` }];
  }
  return types.flatMap((type, index) =>
    (ITEM_TYPES as readonly string[]).includes(type)
      ? []
      : [
          {
            field: `${field}[${index}]`,
            description: `"${type.slice(0, 64)}" is not one of ${ITEM_TYPES.join(', ')}`,
          },
        ],
  );
}
