import { bounded } from '../desired/bounded.js';

/** As the agent takes them from other tools. */
const LARGEST_BYTES = 64 * 1024;
/** Deeper than any tool's; a reader that goes down level by level survives it. */
const MOST_LEVELS = 64;
/** What is kept of a text that is no JSON object. */
const LONGEST_REST = 1000;

/**
 * Details of a detection as they are kept: empty, or a JSON object of at most 64 KiB and 64 levels. Anything else becomes an
 * object that says so and holds its start, so that whoever reads an alert always finds JSON.
 */
export function keptDetails(said: string): string {
  if (said === '') return '';
  const problem = problemOf(said);
  return problem === undefined ? said : JSON.stringify({ problem, start: bounded(said, LONGEST_REST) });
}

function problemOf(text: string): string | undefined {
  if (Buffer.byteLength(text) > LARGEST_BYTES) return `longer than ${LARGEST_BYTES / 1024} KiB`;
  if (levels(text) > MOST_LEVELS) return `more than ${MOST_LEVELS} levels of lists and objects`;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return undefined;
  } catch {
    // Said below.
  }
  return 'not a JSON object';
}

/** How deep it goes, whether or not it is JSON: brackets in strings do not count. One look at each character. */
function levels(text: string): number {
  let deepest = 0;
  let level = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++level);
    else if (character === ']' || character === '}') level -= 1;
  }
  return deepest;
}
