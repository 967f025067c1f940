import type { Command, IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import { formatDuration, fromDuration } from '../../shared/time.js';
import { isFinal } from '../command-state.js';
import { formatBytes } from '../size.js';
import { stateCell } from './command-state.js';
import { time } from './device-rows.js';
import type { View } from './printer.js';
import { cell, type Cell } from './table.js';

type Field = readonly [string, Cell];

/** Whole numbers with thousands apart, the same wherever it runs: `12,345`. */
export function count(number: number | bigint): string {
  return number.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** How far a scan has come, or what it did: `42 %, 12,345 files, 1 found`. */
export function scanProgressText(command: Command): string {
  const outcome = command.result?.outcome;
  if (outcome?.$case === 'iocScan') return scanSummary(outcome.value);
  const { progress } = command;
  const parts = [
    ...(progress || command.progressPercent > 0 ? [`${command.progressPercent} %`] : []),
    ...(progress ? [`${count(progress.filesScanned)} files`, foundText(progress.detections)] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : '-';
}

/** `12,345 files, nothing found`. */
export function scanSummary(result: IocScanResult): string {
  return `${count(result.filesScanned)} files, ${foundText(result.detections + result.detectionsOmitted)}`;
}

function foundText(detections: number): string {
  return detections === 0 ? 'nothing found' : `${count(detections)} found`;
}

/** A scan's command, whether or not it has ended. */
export function scanFields(command: Command): Field[] {
  const work = command.spec?.work;
  const scan = work?.$case === 'iocScan' ? work.value : undefined;
  const { progress } = command;
  return [
    ['Command', cell(command.id)],
    ['Device', cell(command.deviceId)],
    ['Scan', cell(scan?.taskName || scan?.taskId || '-')],
    ['State', stateCell(command)],
    [
      'Ordered',
      cell(`${time(command.createdAt)}${command.requestedBy ? `, by ${command.requestedBy}` : ''}`),
    ],
    ...(command.notBefore ? [['Starts', cell(time(command.notBefore))] as const] : []),
    ...(command.finishedAt ? [['Ended', cell(time(command.finishedAt))] as const] : []),
    ...(command.runTimeout
      ? [['Time limit', cell(formatDuration(fromDuration(command.runTimeout)))] as const]
      : []),
    ...(progress && !isFinal(command.state)
      ? ([
          ['Progress', cell(scanProgressText(command))],
          ['Doing', cell(progress.activity || '-')],
        ] as const)
      : []),
  ];
}

/** Everything that a scan reports at its end. */
export function scanResultView(result: IocScanResult): View[] {
  const found = result.detections + result.detectionsOmitted;
  const fields: Field[] = [
    ['Found', found > 0 ? cell(foundCount(result), 'bad') : cell('nothing', 'good')],
    ['Files and folders', cell(count(result.filesScanned))],
    ['Items', cell(count(result.itemsScanned))],
    ['Hashed', cell(formatBytes(result.bytesHashed))],
    ...(result.worked ? [['Worked', cell(formatDuration(fromDuration(result.worked)))] as const] : []),
    ...(result.restarts > 0 ? [['Went on after a restart', cell(`${result.restarts} times`)] as const] : []),
  ];
  return [
    { kind: 'fields', fields },
    documentsView(result),
    collectorsView(result),
    ...(result.problems.length > 0 ? [problemsView(result)] : []),
  ];
}

function foundCount({ detections, detectionsOmitted }: IocScanResult): string {
  const omitted = detectionsOmitted > 0 ? `, and ${count(detectionsOmitted)} more that are only counted` : '';
  return `${count(detections)}${omitted}; "cordon alerts list" shows them`;
}

function documentsView({ documents }: IocScanResult): View {
  return {
    kind: 'table',
    headings: ['DOCUMENT', 'FOUND', 'TERMS WITHOUT A MATCH', 'HASH'],
    rows: documents.map((one) => [
      cell(one.displayName || '-'),
      one.refused
        ? cell(`not used: ${one.refused}`, 'waiting')
        : cell(count(one.detections), one.detections > 0 ? 'bad' : 'plain'),
      cell(
        one.problems > 0 ? `${count(one.problems)} not known` : '-',
        one.problems > 0 ? 'waiting' : 'faint',
      ),
      cell(one.hash.toString('hex').slice(0, 16), 'faint'),
    ]),
    empty: 'no documents',
  };
}

function collectorsView({ collectors }: IocScanResult): View {
  return {
    kind: 'table',
    headings: ['KIND', 'ITEMS', 'NOT LOOKED AT'],
    rows: collectors.map((one) => [
      cell(one.itemType),
      one.unavailable ? cell('-', 'faint') : cell(count(one.items)),
      cell(
        [one.unavailable, ...one.unavailableTerms].filter(Boolean).join('; ') || '-',
        one.unavailable || one.unavailableTerms.length > 0 ? 'waiting' : 'faint',
      ),
    ]),
    empty: 'no kind of item was asked for',
  };
}

function problemsView({ problems, problemsOmitted }: IocScanResult): View {
  const rows = problems.map(({ subject, detail }) => [cell(subject), cell(detail)]);
  if (problemsOmitted > 0n) rows.push([cell(`and ${count(problemsOmitted)} more`, 'faint'), cell('')]);
  return { kind: 'table', headings: ['COULD NOT BE LOOKED AT', 'WHY'], rows, empty: '' };
}
