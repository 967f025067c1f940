import { printable } from '../../shared/command-line/printable.js';
import { IocFormat, type IocDocument, type IocTermProblem } from '../../shared/gen/cordon/v1/ioc.js';
import { shortHash } from '../ioc/documents.js';
import { formatBytes } from '../size.js';
import { time } from './device-rows.js';
import type { View } from './printer.js';
import { cell, type Cell } from './table.js';

export const DOCUMENT_HEADINGS = ['HASH', 'TITLE', 'FORMAT', 'TERMS', 'KINDS', 'UPLOADED', 'BY'] as const;

/** A document in a list. */
export function documentRow(document: IocDocument): Cell[] {
  return [
    cell(shortHash(document.hash)),
    cell(document.displayName || document.fileName),
    cell(formatWord(document.format)),
    cell(String(document.indicatorCount)),
    cell(document.itemTypes.join(', ') || '-'),
    cell(time(document.uploadedAt)),
    cell(document.uploadedBy || '-'),
  ];
}

/** Everything about a document. */
export function documentView(document: IocDocument): View {
  const unmatched = problemCount(document);
  return {
    kind: 'sections',
    sections: [
      {
        kind: 'fields',
        fields: [
          ['Title', cell(document.displayName || '-')],
          ['SHA-256', cell(document.hash.toString('hex'))],
          ['Document id', cell(document.documentId || '-')],
          ['Format', cell(formatWord(document.format))],
          ['File', cell(`${document.fileName}, ${formatBytes(document.sizeBytes)}`)],
          ['Uploaded', cell(`${time(document.uploadedAt)}, by ${document.uploadedBy || '-'}`)],
          ['Terms that can match', cell(String(document.indicatorCount))],
          ['Kinds of items', cell(document.itemTypes.join(', ') || '-')],
          [
            'Terms without a match',
            unmatched > 0 ? cell(`${unmatched}: see below`, 'waiting') : cell('none', 'good'),
          ],
          ...(document.description ? [['Description', cell(document.description)] as const] : []),
        ],
      },
      ...(unmatched > 0 ? [problemsView(document)] : []),
    ],
  };
}

function problemsView({ problems, problemsOmitted }: IocDocument): View {
  const rows = problems.map(({ term, detail, indicatorId }) => [
    cell(term || '-'),
    cell(detail),
    cell(indicatorId || '-', 'faint'),
  ]);
  if (problemsOmitted > 0) rows.push([cell(`and ${problemsOmitted} more`, 'faint'), cell(''), cell('')]);
  return { kind: 'table', headings: ['COUNTS AS NO MATCH', 'WHY', 'INDICATOR'], rows, empty: '' };
}

/** Terms of a document that count as no match. */
export function problemCount({ problems, problemsOmitted }: IocDocument): number {
  return problems.length + problemsOmitted;
}

/** Terms that one line names. */
const MOST_TERMS = 3;

/** `7 terms count as no match: FileItem/X, ProcessItem/Y and 2 others`. Undefined: every term can match. */
export function problemsText(document: IocDocument): string | undefined {
  const all = problemCount(document);
  if (all === 0) return undefined;
  const terms = termsOf(document.problems);
  const shown = terms.slice(0, MOST_TERMS).join(', ');
  const more = terms.length - MOST_TERMS;
  const which = `${shown}${more > 0 ? ` and ${more} others` : ''}`;
  return printable(`${all === 1 ? '1 term counts' : `${all} terms count`} as no match: ${which}`);
}

function termsOf(problems: readonly IocTermProblem[]): string[] {
  return [...new Set(problems.map(({ term }) => term || '(no term)'))];
}

function formatWord(format: IocFormat): string {
  switch (format) {
    case IocFormat.IOC_FORMAT_OPENIOC_1_0:
      return 'OpenIOC 1.0';
    case IocFormat.IOC_FORMAT_OPENIOC_1_1:
      return 'OpenIOC 1.1';
    case IocFormat.IOC_FORMAT_STIX_2_1:
      return 'STIX 2.1';
    default:
      return '-';
  }
}
