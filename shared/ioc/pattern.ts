import { RE2JS } from 're2js';
import { MAX_PATTERN_LENGTH, MAX_PATTERN_SIZE } from './limits.js';
import type { Test } from './model.js';

type PatternTest = Extract<Test, { readonly kind: 'pattern' }>;

/**
 * Compiles a pattern of a test for use with `test()`, which finds it anywhere in a text. Takes time linear in the text,
 * whatever the pattern is.
 * @param pattern one that `makeTest` or `patternProblem` has passed
 */
export function compilePattern({ source, foldCase }: PatternTest): RE2JS {
  return RE2JS.compile(source, foldCase ? RE2JS.CASE_INSENSITIVE : 0);
}

/** What the regular expressions of one document may still take, in compiled instructions. */
export class PatternBudget {
  constructor(private left: number) {}

  /** Takes `size` off; false: there is not so much left. */
  take(size: number): boolean {
    if (size > this.left) return false;
    this.left -= size;
    return true;
  }

  get exhausted(): boolean {
    return this.left <= 0;
  }
}

/** Why a pattern cannot be used, in one sentence; undefined: it can, and its size is off the budget. */
export function patternProblem(pattern: PatternTest, budget: PatternBudget): string | undefined {
  if (pattern.source.length > MAX_PATTERN_LENGTH) {
    return `The regular expression is longer than ${MAX_PATTERN_LENGTH} characters.`;
  }
  if (budget.exhausted) return TOO_MANY;
  const size = compiledSize(pattern);
  if (typeof size === 'string') return size;
  if (size > MAX_PATTERN_SIZE) {
    return `The regular expression compiles to more than ${MAX_PATTERN_SIZE} instructions.`;
  }
  return budget.take(size) ? undefined : TOO_MANY;
}

const TOO_MANY = 'The regular expressions of this document are too large together.';

function compiledSize(pattern: PatternTest): number | string {
  try {
    return compilePattern(pattern).programSize();
  } catch (error) {
    const why =
      error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'not readable';
    return `The regular expression is not in RE2's syntax: ${why.slice(0, 150)}.`;
  }
}
