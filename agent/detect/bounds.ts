import { IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import { IocMatch } from '../../shared/gen/cordon/v1/ioc.js';

/** A thousand of them may wait on disk, and one has to fit into a message of 1 MiB. */
const LARGEST_MATCH = 128 * 1024;
const LARGEST_RESULT = 768 * 1024;

/** Bounds of the contract, and narrower ones for what is still too large: characters of a value, fields of an item, nodes. */
const STEPS = [
  { value: 1024, fields: 64, nodes: 200 },
  { value: 256, fields: 64, nodes: 100 },
  { value: 128, fields: 32, nodes: 50 },
  { value: 64, fields: 16, nodes: 20 },
] as const;
const MOST_ITEMS = 16;
const MOST_DOCUMENTS = 1000;
const MOST_PROBLEMS = 100;
const LONGEST_NAME = 256;

/** A match as it fits into an event: nothing of it is lost but the ends of long values, and what nobody would read. */
export function bounded(match: IocMatch): IocMatch {
  let cut = match;
  for (const step of STEPS) {
    cut = cutTo(match, step);
    if (IocMatch.encode(cut).finish().length <= LARGEST_MATCH) break;
  }
  return cut;
}

function cutTo(match: IocMatch, { value, fields, nodes }: (typeof STEPS)[number]): IocMatch {
  const cut = (text: string): string => text.slice(0, value);
  return {
    ...match,
    documentId: match.documentId.slice(0, LONGEST_NAME),
    documentName: match.documentName.slice(0, LONGEST_NAME),
    items: match.items.slice(0, MOST_ITEMS).map((item) => ({
      itemType: item.itemType,
      fields: item.fields
        .slice(0, fields)
        .map((field) => ({ term: field.term.slice(0, LONGEST_NAME), value: cut(field.value) })),
    })),
    nodes: match.nodes.slice(0, nodes).map(({ depth, indicatorId, node }) => ({
      depth,
      indicatorId: indicatorId.slice(0, LONGEST_NAME),
      node:
        node?.$case === 'term'
          ? {
              $case: 'term',
              value: {
                term: node.value.term.slice(0, LONGEST_NAME),
                condition: node.value.condition.slice(0, LONGEST_NAME),
                content: cut(node.value.content),
                value: cut(node.value.value),
              },
            }
          : node,
    })),
    nodesOmitted: match.nodesOmitted + Math.max(0, match.nodes.length - nodes),
  };
}

/** A result as it fits into a message: what could not be looked at is counted where it is not listed. */
export function boundedResult(result: IocScanResult): IocScanResult {
  let cut = result;
  for (const [problems, text] of [
    [MOST_PROBLEMS, 4096],
    [MOST_PROBLEMS, 512],
    [20, 128],
  ] as const) {
    cut = {
      ...result,
      documents: result.documents.slice(0, MOST_DOCUMENTS).map((document) => ({
        ...document,
        displayName: document.displayName.slice(0, Math.min(text, LONGEST_NAME)),
        refused: document.refused.slice(0, Math.min(text, LONGEST_NAME)),
      })),
      problems: result.problems
        .slice(0, problems)
        .map(({ subject, detail }) => ({ subject: subject.slice(0, text), detail: detail.slice(0, text) })),
      problemsOmitted: result.problemsOmitted + BigInt(Math.max(0, result.problems.length - problems)),
    };
    if (IocScanResult.encode(cut).finish().length <= LARGEST_RESULT) break;
  }
  return cut;
}
