import type { Collector } from '../item.js';
import type { Matcher } from '../match/matcher.js';
import type { ScanMatch } from '../scan-messages.js';
import type { TypeMatcher } from '../match/type-matcher.js';

export interface CollectParts {
  readonly matcher: Matcher;
  readonly view: TypeMatcher;
  readonly collector: Collector;
  readonly report: (match: ScanMatch) => Promise<unknown>;
  readonly problem: (subject: string, detail: string) => void;
  readonly turn: () => Promise<boolean>;
  readonly turnMs: number;
  /** Longest wait for one item, milliseconds. */
  readonly silenceMs: number;
  readonly counted: () => void;
}

/** Looks at all items of one kind. False: the scan is to end. A collector that fails or falls silent is a problem, no more. */
export async function collectItems(parts: CollectParts): Promise<boolean> {
  const { matcher, view, collector, report, problem, turn, turnMs } = parts;
  const ended = new AbortController();
  const terms = new Set([...matcher.terms(view.type)].filter((term) => collector.terms.has(term)));
  let since = performance.now();
  try {
    const items = collector.collect({
      terms,
      problem,
      signal: ended.signal,
      literals: matcher.texts(view.type),
    });
    const each = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    for (;;) {
      const next = await inTime(each.next(), parts.silenceMs);
      if (next.done) return true;
      parts.counted();
      for (const match of matcher.matchesOf(view, next.value)) await report(match);
      if (performance.now() - since < turnMs) continue;
      if (!(await turn())) return false;
      since = performance.now();
    }
  } catch (error) {
    problem(view.type, (error as Error).message);
    return turn();
  } finally {
    ended.abort();
  }
}

async function inTime<Result>(work: Result | Promise<Result>, ms: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`nothing came for ${ms / 1000} s; the rest was not looked at`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
