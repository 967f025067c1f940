import type { DeviceRuns } from '../scan/runs.js';
import { stateCell } from './command-state.js';
import { time } from './device-rows.js';
import type { View } from './printer.js';
import { scanProgressText } from './scan.js';
import { cell, type Cell } from './table.js';

/** How each device stands with a scan. */
export function runsView(runs: readonly DeviceRuns[]): View {
  return {
    kind: 'table',
    headings: ['DEVICE', 'STATE', 'PROGRESS', 'ENDED', 'NEXT START', 'COMMAND'],
    rows: runs.map(runRow),
    empty: 'no runs in the last 7 days, and none planned; "cordon scan run" starts one',
  };
}

function runRow({ deviceName, current, planned }: DeviceRuns): Cell[] {
  return [
    cell(deviceName),
    current ? stateCell(current) : cell('planned', 'faint'),
    cell(current ? scanProgressText(current) : '-'),
    cell(time(current?.finishedAt)),
    cell(time(planned?.notBefore)),
    cell((current ?? planned)?.id ?? '-', 'faint'),
  ];
}
