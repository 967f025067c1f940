import { styleText } from 'node:util';
import Table from 'cli-table3';
import { printable } from '../../shared/command-line/printable.js';

/** How a value is meant: good and bad as an operator sees them. */
export type Tone = 'plain' | 'good' | 'bad' | 'waiting' | 'faint';

/** One value of a table. */
export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

export function cell(text: string, tone: Tone = 'plain'): Cell {
  return { text, tone };
}

export interface TableStyle {
  readonly colour: boolean;
}

const COLOUR = { good: 'green', bad: 'red', waiting: 'yellow', faint: 'gray' } as const;

/** Rows below aligned headings, two spaces apart, no borders; ends with a line break. */
export function renderTable(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: TableStyle,
): string {
  const table = new Table({
    head: headings.map((heading) => paint(cell(heading, 'faint'), style)),
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(row.map((value) => paint(value, style)));
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

/** Names and values, one pair a line. */
export function renderFields(fields: readonly (readonly [string, Cell])[], style: TableStyle): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields
    .map(([name, value]) => `${paint(cell(name.padEnd(width), 'faint'), style)}  ${paint(value, style)}\n`)
    .join('');
}

function paint({ text, tone }: Cell, style: TableStyle): string {
  const safe = printable(text);
  if (!style.colour || tone === 'plain') return safe;
  return styleText(COLOUR[tone], safe, { validateStream: false });
}
