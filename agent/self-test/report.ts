import { printable } from '../../shared/command-line/printable.js';
import type { Check, Outcome } from './check.js';
import type { Result } from './run-checks.js';

const WIDTH = 24;
const WORD: Record<Outcome['kind'], string> = { pass: 'PASS', fail: 'FAIL', skip: 'SKIP' };

/** One line: `FAIL wfp-engine   what was seen; what to do`. */
export function line({ check, outcome }: Result): string {
  const seen = outcome.kind === 'skip' ? outcome.why : outcome.found;
  const text = outcome.kind === 'pass' ? seen : `${seen}; ${outcome.next}`;
  return `${WORD[outcome.kind]} ${check.name.padEnd(WIDTH)} ${printable(text)}`;
}

export function summary(results: readonly Result[]): string {
  const count = (kind: Outcome['kind']): number =>
    results.filter(({ outcome }) => outcome.kind === kind).length;
  return `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} could not be checked`;
}

export function listing(checks: readonly Check[]): string[] {
  return checks.map(({ name, claim }) => `${name.padEnd(WIDTH)} ${claim}`);
}

export function toJson(results: readonly Result[]): object {
  return {
    platform: process.platform,
    checks: results.map(({ check, outcome, tookMs }) => ({
      name: check.name,
      claim: check.claim,
      outcome: outcome.kind,
      found: outcome.kind === 'skip' ? outcome.why : outcome.found,
      next: outcome.kind === 'pass' ? '' : outcome.next,
      tookMs: Math.round(tookMs),
    })),
  };
}
