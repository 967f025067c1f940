import { printable } from '../../shared/command-line/printable.js';
import type { MatchedNode } from '../../shared/gen/cordon/v1/ioc.js';

/** A longer value makes a line unreadable; `-o json` has it all. */
const LONGEST_VALUE = 160;

/** Deeper than this, lines do not move further to the right. */
const DEEPEST = 20;

/**
 * The part of a document's tree that matched, one node a line, drawn as a tree:
 *
 *     OR
 *     └─ AND
 *        ├─ FileItem/Md5sum is "d41d8cd9…"
 *        └─ FileItem/SizeInBytes is "[0 TO 100]", here "17"
 *
 * @param nodes in reading order, with their depths
 */
export function matchTree(nodes: readonly MatchedNode[]): string[] {
  return nodes.map((node, at) => `${indent(nodes, at)}${printable(nodeText(node))}`);
}

function indent(nodes: readonly MatchedNode[], at: number): string {
  const depth = Math.min(nodes[at]?.depth ?? 0, DEEPEST);
  if (depth === 0) return '';
  const above = Array.from({ length: depth - 1 }, (_, level) =>
    goesOn(nodes, at, level + 1) ? '│  ' : '   ',
  );
  return `${above.join('')}${goesOn(nodes, at, depth) ? '├─ ' : '└─ '}`;
}

/** Whether another node of this level follows before the level above does. */
function goesOn(nodes: readonly MatchedNode[], at: number, level: number): boolean {
  for (let next = at + 1; next < nodes.length; next += 1) {
    const depth = Math.min(nodes[next]?.depth ?? 0, DEEPEST);
    if (depth <= level) return depth === level;
  }
  return false;
}

function nodeText({ node }: MatchedNode): string {
  switch (node?.$case) {
    case 'group':
      return node.value.operator;
    case 'term': {
      const { term, condition, content, value } = node.value;
      const here = value && value !== content ? `, here ${quoted(value)}` : '';
      return `${term} ${condition} ${quoted(content)}${here}`;
    }
    default:
      return '(not known)';
  }
}

function quoted(text: string): string {
  return `"${text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text}"`;
}
