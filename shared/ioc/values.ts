import { readAddresses, readAddressPrefix } from './addresses.js';
import { MAX_CONTENT_LENGTH } from './limits.js';
import { fold, type Condition, type Test } from './model.js';
import type { PatternBudget } from './pattern.js';
import { patternProblem } from './pattern.js';
import { readDate, readDuration, readInteger, readRange, type SpanReader } from './ranges.js';
import { withFullHive } from './registry-hives.js';
import type { TermEntry, ValueKind } from './terms.js';

/** What a document asks of one term. */
export interface Asked {
  readonly entry: TermEntry;
  readonly condition: Condition;
  /** As written in the document. */
  readonly content: string;
  /** Case counts; for text only. */
  readonly preserveCase: boolean;
}

/** A test, or why there can be none, in one sentence. */
export type Made = { readonly test: Test } | { readonly problem: string };

const HASH_DIGITS: Readonly<Partial<Record<ValueKind, number>>> = { md5: 32, sha1: 40, sha256: 64 };

/**
 * Turns content and condition into a test of values of the term's kind. The kind is the catalogue's, whatever type the
 * document gives the content. Which condition goes with which kind is OpenIOC 1.1's table; in addition `contains` takes a
 * complete hash and an address or its beginning, as OpenIOC 1.0 files use it.
 */
export function makeTest(asked: Asked, budget: PatternBudget): Made {
  const { entry, condition, content } = asked;
  if (content.length > MAX_CONTENT_LENGTH) {
    return { problem: `The content is longer than ${MAX_CONTENT_LENGTH} characters.` };
  }
  // Nothing is part of everything: a term without content would hold for every item.
  if (content.trim() === '') return { problem: 'The content is empty.' };
  switch (entry.kind) {
    case 'text':
    case 'mac':
      return textTest(asked, budget);
    case 'integer':
      return numberTest('number', asked, readInteger);
    case 'duration':
      return numberTest('number', asked, readDuration);
    case 'date':
      return numberTest('date', asked, readDate);
    case 'address':
      return addressTest(asked, budget);
    case 'boolean':
      return condition === 'is' ? booleanTest(content.trim()) : notFor(asked);
    case 'md5':
    case 'sha1':
    case 'sha256':
      return condition === 'is' || condition === 'contains' ? hashTest(asked) : notFor(asked);
  }
}

function notFor({ entry, condition }: Asked): Made {
  return { problem: `"${condition}" does not go with ${NOUN[entry.kind]}.` };
}

const NOUN: Readonly<Record<ValueKind, string>> = {
  text: 'text',
  mac: 'text',
  integer: 'a whole number',
  duration: 'a duration',
  date: 'a date',
  address: 'an IP address',
  boolean: 'yes or no',
  md5: 'an MD5 hash',
  sha1: 'a SHA-1 hash',
  sha256: 'a SHA-256 hash',
};

function unreadable(asked: Asked): Made {
  const shown = asked.content.length > 60 ? `${asked.content.slice(0, 60)}...` : asked.content;
  return { problem: `"${shown}" cannot be read as ${NOUN[asked.entry.kind]}.` };
}

function textTest(asked: Asked, budget: PatternBudget): Made {
  const { condition, preserveCase, entry } = asked;
  const foldCase = !preserveCase || entry.kind === 'mac';
  const content = textContent(asked);
  switch (condition) {
    case 'is':
    case 'contains':
    case 'starts-with':
    case 'ends-with':
      return {
        test: { kind: 'text', how: condition, text: foldCase ? fold(content) : content, foldCase },
      };
    case 'matches':
      return patternTest(content, foldCase, budget);
    case 'greater-than':
    case 'less-than':
      return notFor(asked);
  }
}

/** Text as values have it: without the line breaks of an indented document, hives and link addresses in one spelling. */
function textContent({ content, entry, condition }: Asked): string {
  const bare = withoutIndentation(content);
  if (condition === 'matches') return bare;
  if (entry.kind === 'mac') return bare.trim().replaceAll('-', ':');
  if (condition === 'is' || condition === 'starts-with') {
    if (entry.term === 'RegistryItem/Path' || entry.term === 'RegistryItem/Hive') return withFullHive(bare);
  }
  return bare;
}

/** Space at an end is part of the text, unless it holds a line break: then it is the layout of the document. */
function withoutIndentation(content: string): string {
  const start = content.length - content.trimStart().length;
  const end = content.trimEnd().length;
  const from = content.slice(0, start).includes('\n') ? start : 0;
  return content.slice(from, content.slice(end).includes('\n') ? end : undefined);
}

function patternTest(source: string, foldCase: boolean, budget: PatternBudget): Made {
  const test = { kind: 'pattern', source, foldCase } as const;
  const problem = patternProblem(test, budget);
  return problem === undefined ? { test } : { problem };
}

function numberTest(kind: 'number' | 'date', asked: Asked, read: SpanReader): Made {
  const { condition, content } = asked;
  if (condition !== 'is' && condition !== 'greater-than' && condition !== 'less-than') return notFor(asked);
  const range = readRange(content.trim(), condition, read);
  return range === undefined ? unreadable(asked) : { test: { kind, ranges: [range] } };
}

function addressTest(asked: Asked, budget: PatternBudget): Made {
  const { condition } = asked;
  const content = asked.content.trim();
  switch (condition) {
    case 'is':
    case 'contains':
    case 'starts-with': {
      const whole = readAddresses(content);
      const bounds = whole ?? (condition === 'is' ? undefined : readAddressPrefix(content));
      return bounds === undefined ? unreadable(asked) : { test: { kind: 'address', ranges: [bounds] } };
    }
    case 'matches':
      return patternTest(content, true, budget);
    case 'ends-with':
    case 'greater-than':
    case 'less-than':
      return notFor(asked);
  }
}

function hashTest(asked: Asked): Made {
  const hex = asked.content.trim().toLowerCase();
  const digits = HASH_DIGITS[asked.entry.kind];
  return hex.length === digits && /^[0-9a-f]+$/.test(hex)
    ? { test: { kind: 'hash', hex } }
    : unreadable(asked);
}

function booleanTest(content: string): Made {
  const value = BOOLEANS.get(content.toLowerCase());
  return value === undefined
    ? { problem: `"${content.slice(0, 60)}" is neither true nor false.` }
    : { test: { kind: 'boolean', value } };
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
]);
