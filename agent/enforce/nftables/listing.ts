import { createHash } from 'node:crypto';
import { HOLD_SET } from './render.js';

/** Our table as `nft list table` printed it. */
export interface Listing {
  /** Plan that the table says it enforces; undefined when its comment is not ours. */
  readonly planId: string | undefined;
  /** SHA-256 over the listing without what changes by itself: remaining time of the deadline. */
  readonly rulesHash: Buffer;
  /** Number of rules of each chain (`chain NAME`) and of elements of each named set (`set NAME`). */
  readonly counts: ReadonlyMap<string, number>;
  /** Time until the first element of the hold set expires, milliseconds; undefined: never. */
  readonly holdsForMs: number | undefined;
}

/** Reads a listing. Never throws: what is not understood changes the hash or a count and so shows as a difference. */
export function parseListing(text: string): Listing {
  const expires = [...text.matchAll(/ expires (\w+)/g)].map((match) => durationMs(match[1] ?? ''));
  return {
    planId: /^\tcomment "plan=([0-9a-f]+)"$/m.exec(text)?.[1],
    rulesHash: createHash('sha256').update(withoutTimes(text)).digest(),
    counts: countEntries(text),
    holdsForMs: expires.length === 0 ? undefined : Math.min(...expires),
  };
}

/**
 * First difference between what was to be loaded and what is there, in one sentence; undefined: none.
 * Some kernels accept a batch and drop part of it, so the counts of everything are compared, and the hooks looked at.
 */
export function structuralDifference(
  listing: string,
  wanted: ReadonlyMap<string, number>,
  priority: number,
): string | undefined {
  const { counts } = parseListing(listing);
  for (const [entry, count] of wanted) {
    const found = counts.get(entry);
    if (found !== count) return `${entry} should have ${count} entries and has ${found ?? 'vanished'}`;
  }
  const extra = [...counts.keys()].find((entry) => !wanted.has(entry));
  if (extra) return `${extra} is not ours`;
  if (/^\tflags /m.test(listing)) return 'the table carries flags that are not ours';
  for (const hook of ['input', 'output']) {
    if (!listing.includes(`type filter hook ${hook} priority ${priority}; policy accept;`)) {
      return `chain ${hook} is not attached to its hook`;
    }
  }
  return undefined;
}

function withoutTimes(text: string): string {
  return text.replace(/ timeout \w+( expires \w+)?/g, '').replace(/ expires \w+/g, '');
}

function countEntries(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  let open: string | undefined;
  let elements: string | undefined;
  for (const line of text.split('\n')) {
    const start = /^\t(chain|set|map) (\S+) \{$/.exec(line);
    if (start) {
      open = `${start[1]} ${start[2]}`;
      counts.set(open, 0);
    } else if (open !== undefined && line === '\t}') {
      open = undefined;
    } else if (open?.startsWith('chain ') === true) {
      if (!line.startsWith('\t\ttype ')) counts.set(open, (counts.get(open) ?? 0) + 1);
    } else if (open !== undefined) {
      if (line.startsWith('\t\telements = {')) elements = '';
      if (elements !== undefined) {
        elements += line;
        if (line.endsWith('}')) {
          counts.set(open, elementCount(elements));
          elements = undefined;
        }
      }
    }
  }
  return counts;
}

/** The path of a control group stands in quotes and can hold a comma. */
function elementCount(elements: string): number {
  return (elements.includes('"') ? elements.replace(/"[^"]*"/g, '') : elements).split(',').length;
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Reads `1d2h3m4s5ms`. */
function durationMs(text: string): number {
  return [...text.matchAll(/(\d+)(ms|[dhms])/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0),
    0,
  );
}

/** Whether the deadline has let go: the hold set is there and empty. */
export function isReleased(listing: Listing): boolean {
  return listing.counts.get(`set ${HOLD_SET}`) === 0;
}
