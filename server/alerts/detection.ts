import type { DetectionFound } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IocMatch,
  type ItemField,
  type MatchedItem,
  type MatchedNode,
  type ResponseOutcome,
} from '../../shared/gen/cordon/v1/ioc.js';
import { printable } from '../../shared/command-line/printable.js';
import { isId } from '../../shared/ids.js';
import { bounded } from '../desired/bounded.js';
import { keptDetails } from './details.js';

/** The detector whose matches the server understands. */
export const OWN_DETECTOR = 'ioc-scan';

const LONGEST_SOURCE = 64;
/** Of a rule, a document, a term. */
const LONGEST_NAME = 256;
const LONGEST_VALUE = 1024;
const LONGEST_CONDITION = 32;
const MOST_ITEMS = 16;
const MOST_FIELDS = 64;
const MOST_NODES = 200;
/** One for each action, and room for more of them. */
const MOST_RESPONSES = 16;
const SHA256_BYTES = 32;
/** Largest match that is kept, bytes: a hundred alerts are to fit into the memory of a list. */
const LARGEST_MATCH = 256 * 1024;

/**
 * What is kept and shown of a detection. A device that somebody else owns may say anything: names lose what a terminal
 * obeys, texts and lists end at the contract's limits, and what cannot be what it is said to be is left out.
 */
export function keptDetection(said: DetectionFound): DetectionFound {
  const source = named(said.source, LONGEST_SOURCE) || 'unknown';
  return {
    source,
    ruleId: named(said.ruleId),
    detailsJson: keptDetails(said.detailsJson),
    isolationId: idOrNone(said.isolationId),
    iocMatch: said.iocMatch && source === OWN_DETECTOR ? keptMatch(said.iocMatch) : undefined,
    responses: said.responses.slice(0, MOST_RESPONSES).map(keptResponse),
  };
}

/** One line for a list: the document's title, or the rule. */
export function titleOf({ iocMatch, ruleId, source }: DetectionFound): string {
  return iocMatch?.documentName || ruleId || `detection by ${source}`;
}

function keptMatch(said: IocMatch): IocMatch {
  let most = { fields: MOST_FIELDS, nodes: MOST_NODES, value: LONGEST_VALUE };
  for (;;) {
    const kept = boundedMatch(said, most);
    if (IocMatch.encode(kept).finish().length <= LARGEST_MATCH) return kept;
    // Shorter values first: a tree without its end says less than one with short values.
    if (most.value > 64) most = { ...most, value: most.value / 4 };
    else most = { ...most, fields: most.fields >> 1, nodes: most.nodes >> 1 };
  }
}

function boundedMatch(
  said: IocMatch,
  most: { readonly fields: number; readonly nodes: number; readonly value: number },
): IocMatch {
  const nodes = said.nodes.filter(({ node }) => node !== undefined).slice(0, most.nodes);
  const omitted = said.nodesOmitted + said.nodes.length - nodes.length;
  return {
    documentHash: said.documentHash.length === SHA256_BYTES ? said.documentHash : Buffer.alloc(0),
    documentId: named(said.documentId),
    documentName: named(said.documentName),
    taskId: idOrNone(said.taskId),
    commandId: idOrNone(said.commandId),
    items: said.items.slice(0, MOST_ITEMS).map((item) => keptItem(item, most)),
    nodes: nodes.map((node) => keptNode(node, most.value)),
    nodesOmitted: Math.min(omitted, 0xffff_ffff),
  };
}

function keptItem(
  { itemType, fields }: MatchedItem,
  most: { readonly fields: number; readonly value: number },
): MatchedItem {
  return {
    itemType: named(itemType),
    fields: fields
      .slice(0, most.fields)
      .map(({ term, value }): ItemField => ({ term: named(term), value: bounded(value, most.value) })),
  };
}

function keptNode({ depth, indicatorId, node }: MatchedNode, longestValue: number): MatchedNode {
  return {
    // A view indents by it.
    depth: Math.min(depth, MOST_NODES),
    indicatorId: named(indicatorId),
    node:
      node?.$case === 'term'
        ? {
            $case: 'term',
            value: {
              term: named(node.value.term),
              condition: named(node.value.condition, LONGEST_CONDITION),
              content: bounded(node.value.content, longestValue),
              value: bounded(node.value.value, longestValue),
            },
          }
        : node && {
            $case: 'group',
            value: { operator: named(node.value.operator, LONGEST_CONDITION) },
          },
  };
}

function keptResponse({ action, state, detail, quarantineId }: ResponseOutcome): ResponseOutcome {
  return { action, state, detail: named(detail, 1000), quarantineId: named(quarantineId, 64) };
}

/** A name on one line. */
function named(text: string, longest = LONGEST_NAME): string {
  return printable(bounded(text, longest));
}

function idOrNone(text: string): string {
  return isId(text) ? text : '';
}
