import type { Clock } from '../../shared/clock.js';
import type { Check, Outcome, Subject } from './check.js';

/** A check that takes longer than this is told of while it runs, milliseconds. */
const TELL_AFTER_MS = 2_000;
/** Longest run of one check, milliseconds. */
const DEADLINE_MS = 30_000;

export interface Result {
  readonly check: Check;
  readonly outcome: Outcome;
  /** How long it took, milliseconds. */
  readonly tookMs: number;
}

export interface Listener {
  /** A check has not ended yet. @param forMs how long it has run, milliseconds */
  stillRunning(check: Check, forMs: number): void;
  ended(result: Result): void;
}

/** Runs checks one after the other: what one of them does must not be what another one sees. */
export async function runChecks(
  checks: readonly Check[],
  subject: Subject,
  clock: Clock,
  listener: Listener,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const check of checks) {
    const startedAt = clock.sinceBoot();
    const since = (): number => clock.sinceBoot() - startedAt;
    const outcome = await withinDeadline(check, subject, clock, () => listener.stillRunning(check, since()));
    const result = { check, outcome, tookMs: since() };
    results.push(result);
    listener.ended(result);
  }
  return results;
}

function withinDeadline(
  check: Check,
  subject: Subject,
  clock: Clock,
  stillRunning: () => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let cancelNews = (): void => undefined;
    const armNews = (): void => {
      cancelNews = clock.after(TELL_AFTER_MS, () => {
        stillRunning();
        armNews();
      });
    };
    const end = (outcome: Outcome): void => {
      cancelNews();
      cancelDeadline();
      resolve(outcome);
    };
    const cancelDeadline = clock.after(DEADLINE_MS, () =>
      end({
        kind: 'fail',
        found: `it has not ended after ${DEADLINE_MS / 1000} s`,
        next: `run "cordon-agent self-test ${check.name}" alone, and send what it prints with a report`,
      }),
    );
    armNews();
    // The executor of a promise must not run the check: what it throws at once has to end the timers, too.
    Promise.resolve()
      .then(() => check.run(subject))
      .then(end, (error: unknown) => end(thrown(error)));
  });
}

function thrown(error: unknown): Outcome {
  const found = error instanceof Error ? error.message : String(error);
  return { kind: 'fail', found, next: 'do what the message says, then run the check again' };
}
