import Table from 'cli-table3';
import type { Phase, Row } from './measure.js';

export interface Measured {
  readonly row: Pick<Row, 'name' | 'promised'>;
  readonly cells: Record<Phase, string>;
}

/** Whether every cell of a row is as promised. */
export function holds({ row, cells }: Measured): boolean {
  return (['before', 'during', 'after'] as const).every((phase) => row.promised[phase].test(cells[phase]));
}

/** The table as text: a row a promise, with a mark for each that was not kept. */
export function renderTable(measured: readonly Measured[]): string {
  const table = new Table({
    head: ['', 'before', 'isolated', 'released', ''],
    style: { head: [], border: [], compact: true },
  });
  for (const one of measured) {
    const { before, during, after } = one.cells;
    table.push([one.row.name, before, during, after, holds(one) ? 'ok' : 'NOT AS PROMISED']);
  }
  return table.toString();
}
