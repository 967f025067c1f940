import { ScanArea, type IocDocument, type IocScanSettings } from '../../shared/gen/cordon/v1/ioc.js';
import type { DetectionResponse, IocScanTask, TaskScope } from '../../shared/gen/cordon/v1/task.js';
import { formatDuration, fromDuration } from '../../shared/time.js';
import { filterText } from '../filter.js';
import { shortHash } from '../ioc/documents.js';
import { cronWords } from '../scan/schedule.js';
import { formatBytes } from '../size.js';
import { time } from './device-rows.js';
import type { View } from './printer.js';
import { cell, type Cell } from './table.js';

type Field = readonly [string, Cell];

export const SCAN_HEADINGS = [
  'SCAN',
  'FOR',
  'DOCUMENTS',
  'PLAN',
  'NEXT START',
  'RUNS',
  'ALERTS',
  'ID',
] as const;

/** A scan in a list. */
export function scanRow(task: IocScanTask): Cell[] {
  return [
    cell(task.displayName),
    cell(scopeText(task)),
    cell(String(task.documentHashes.length)),
    cell(planText(task)),
    cell(time(task.status?.nextStart)),
    cell(runsText(task), (task.status?.failed ?? 0) > 0 ? 'waiting' : 'plain'),
    cell(String(task.status?.alerts ?? 0), (task.status?.alerts ?? 0) > 0 ? 'bad' : 'plain'),
    cell(task.id, 'faint'),
  ];
}

/** A scan with everything in it. @param documents of the server, for their titles */
export function scanTaskView(task: IocScanTask, documents: readonly IocDocument[]): View {
  const titleOf = new Map(documents.map((one) => [one.hash.toString('hex'), one.displayName]));
  return {
    kind: 'sections',
    sections: [
      {
        kind: 'fields',
        fields: [
          ['Scan', cell(task.displayName)],
          ['Id', cell(task.id)],
          ['For', cell(scopeText(task))],
          ['Plan', cell(planText(task))],
          ['Next start', cell(time(task.status?.nextStart))],
          ['Time limit', cell(task.timeLimit ? formatDuration(fromDuration(task.timeLimit)) : '8h')],
          ...settingsFields(task.settings),
          ['On a match', responseCell(task.response)],
          ['Runs', cell(runsText(task))],
          ['Alerts', cell(String(task.status?.alerts ?? 0))],
        ],
      },
      {
        kind: 'table',
        headings: ['DOCUMENT', 'HASH'],
        rows: task.documentHashes.map((hash) => [
          cell(titleOf.get(hash.toString('hex')) ?? '-'),
          cell(shortHash(hash), 'faint'),
        ]),
        empty: 'no documents',
      },
    ],
  };
}

/** What a scan is for, as a person reads it. */
export function scopeText({ scope, scopeName }: { scope: TaskScope | undefined; scopeName: string }): string {
  const target = scope?.target;
  switch (target?.$case) {
    case 'deviceId':
      return `device ${scopeName || target.value}`;
    case 'groupId':
      return `group ${scopeName || target.value || 'root'}`;
    case 'filter':
      return filterText(target.value);
    default:
      return '-';
  }
}

/** When a scan runs: `every Sunday at 03:00 (Europe/Berlin), spread over 30m`. */
export function planText(task: IocScanTask): string {
  const spread = task.randomSpread ? fromDuration(task.randomSpread) : 0;
  const zone = task.timeZone || "each device's own time";
  const when = task.schedule
    ? `${cronWords(task.schedule)} (${zone})`
    : task.startAt
      ? `once, ${time(task.startAt)}`
      : undefined;
  if (when === undefined) return 'only when told to';
  return [
    when,
    ...(spread > 0 ? [`spread over ${formatDuration(spread)}`] : []),
    ...(task.skipMissed ? ['missed runs are left out'] : []),
  ].join(', ');
}

function settingsFields(settings: IocScanSettings | undefined): Field[] {
  const rate = settings?.maxBytesPerSecond ?? 0n;
  return [
    ['Area', cell(areaText(settings))],
    ...listField('Folders', settings?.folders ?? []),
    ...listField('Left out', settings?.excludedPaths ?? []),
    ['Network file systems', cell(settings?.networkFileSystems ? 'scanned, too' : 'left out')],
    ['Hashes', cell(`of files up to ${formatBytes(settings?.maxFileBytes || 200n * 1024n * 1024n)}`)],
    [
      'Load',
      cell(
        `up to ${settings?.cpuPercent || 50} % of the processors${rate > 0n ? `, ${formatBytes(rate)} a second` : ''}`,
      ),
    ],
    ...listField('Not looked at', settings?.disabledItemTypes ?? []),
  ];
}

/** Entries that a line names. */
const MOST_ENTRIES = 10;

function listField(name: string, entries: readonly string[]): Field[] {
  if (entries.length === 0) return [];
  const more = entries.length - MOST_ENTRIES;
  const shown = entries.slice(0, MOST_ENTRIES).join(', ');
  return [[name, cell(`${shown}${more > 0 ? ` and ${more} more` : ''}`)]];
}

function areaText(settings: IocScanSettings | undefined): string {
  switch (settings?.area) {
    case ScanArea.SCAN_AREA_LOCAL_DRIVES:
      return 'all local drives';
    case ScanArea.SCAN_AREA_FOLDERS:
      return 'the folders below alone';
    default:
      return 'critical areas: programs, temporary files, homes, what starts with the system';
  }
}

function responseCell(response: DetectionResponse | undefined): Cell {
  if (!response?.takeResponseActions) return cell('report only');
  const actions = [
    ...(response.isolateComputer ? ['isolate the computer'] : []),
    ...(response.quarantineFile ? ['move the file into quarantine'] : []),
    ...(response.killProcess ? ['kill the process'] : []),
  ];
  return cell(`${actions.join(', ')}; where the policy has automatic isolation on`, 'waiting');
}

function runsText({ status }: IocScanTask): string {
  const parts = [
    [status?.running ?? 0, 'running'],
    [status?.waiting ?? 0, 'waiting'],
    [status?.succeeded ?? 0, 'done'],
    [status?.failed ?? 0, 'failed'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return shown.join(', ') || 'none yet';
}
