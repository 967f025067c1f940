import Table from 'cli-table3';
import type { Phase, Row } from './measure.js';

export interface Measured {
  readonly row: Pick<Row, 'name' | 'promised'>;
  readonly cells: Record<Phase, string>;
}

/** One whose cells are filled by measuring. */
export interface Measurable extends Measured {
  readonly row: Row;
}

/** A row for which there is nothing to measure before and after. */
export function aboutIsolation(name: string, promised: RegExp, seen: string): Measured {
  return {
    row: { name, promised: { before: /^$/, during: promised, after: /^$/ } },
    cells: { before: '', during: seen, after: '' },
  };
}

/** Measures all rows in one phase. */
export async function measureAll(table: readonly Measurable[], phase: Phase): Promise<void> {
  await Promise.all(
    table.map(async ({ row, cells }) => {
      cells[phase] = await row.measure();
    }),
  );
}

/** Rows with nothing in them yet. */
export function emptyTable(rows: readonly Row[]): Measurable[] {
  return rows.map((row) => ({ row, cells: { before: '', during: '', after: '' } }));
}

/** Prints the table and what is not as promised. True if everything is. */
export function report(measured: readonly Measured[], say: (text: string) => void): boolean {
  console.log(`\n${renderTable(measured)}\n`);
  const broken = measured.filter((one) => !holds(one));
  for (const { row } of broken) say(`NOT AS PROMISED: ${row.name}`);
  if (broken.length === 0) say(`all ${measured.length} rows are as promised`);
  return broken.length === 0;
}

/** Whether every cell of a row is as promised. */
function holds({ row, cells }: Measured): boolean {
  return (['before', 'during', 'after'] as const).every((phase) => row.promised[phase].test(cells[phase]));
}

/** The table as text: a row a promise, with a mark for each that was not kept. */
function renderTable(measured: readonly Measured[]): string {
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
