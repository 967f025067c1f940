import { InvalidArgumentError, Option, type Command } from 'commander';
import { formatDuration, isReleaseDelay, parseDuration } from '../shared/time.js';

const DURATION_FORM = 'Write a duration such as 90s, 15m, 8h or 7d.';

/** A reason of 1 to 1000 characters: what audit records show. */
function parseReason(text: string): string {
  const reason = text.trim();
  if (reason === '') throw new InvalidArgumentError('Say why, in a few words.');
  if ([...reason].length > 1000) throw new InvalidArgumentError('At most 1000 characters.');
  return reason;
}

/** Milliseconds from 0 up to the largest duration that can be written. */
function parseAnyDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError(DURATION_FORM);
  return ms;
}

/** How long an isolation lasts, milliseconds; 0 = until it is released. */
export function parseReleaseDelay(text: string): number {
  const ms = parseAnyDuration(text);
  if (!isReleaseDelay(ms)) {
    throw new InvalidArgumentError('From 1m to 9999h, or 0 for an isolation that does not end by itself.');
  }
  return ms;
}

/** A duration within limits, milliseconds. `limits` is the sentence that a person reads. */
export function parseDurationWithin(minMs: number, maxMs: number, limits: string): (text: string) => number {
  return (text) => {
    const ms = parseAnyDuration(text);
    if (ms < minMs || ms > maxMs) throw new InvalidArgumentError(limits);
    return ms;
  };
}

/** A whole number within limits. */
export function parseCount(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(count >= min && count <= max))
      throw new InvalidArgumentError(`A whole number from ${min} to ${max}.`);
    return count;
  };
}

/** `--reason`, mandatory. */
export function addReason(command: Command): Command {
  return command.requiredOption('--reason <text>', 'why; audit records show it', parseReason);
}

const WAIT_DEFAULT_MS = 60_000;
const WEEK_MS = 7 * 86_400_000;

export interface WaitFlags {
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** `--wait` and `--timeout`. */
export function addWait(command: Command, what: string, defaultMs = WAIT_DEFAULT_MS): Command {
  return addTimeout(command.option('--wait', `wait until ${what}`), defaultMs);
}

/** `--timeout`, for commands that wait. */
export function addTimeout(command: Command, defaultMs = WAIT_DEFAULT_MS): Command {
  return command.addOption(
    new Option('--timeout <duration>', 'longest time to wait')
      .argParser(parseDurationWithin(1000, WEEK_MS, 'From 1s to 7d.'))
      .default(defaultMs, formatDuration(defaultMs)),
  );
}

/** Takes an option that may be repeated into a list. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
