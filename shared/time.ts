import type { Duration } from './gen/google/protobuf/duration.js';
import type { Timestamp } from './gen/google/protobuf/timestamp.js';

/** Milliseconds since 1970 to the wire form. */
export function toTimestamp(wallMs: number): Timestamp {
  const whole = Math.floor(wallMs);
  const seconds = Math.floor(whole / 1000);
  return { seconds: BigInt(seconds), nanos: (whole - seconds * 1000) * 1_000_000 };
}

/** Wire form to milliseconds since 1970; sub-millisecond digits are cut. */
export function fromTimestamp(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000);
}

/** Milliseconds to the wire form. */
export function toDuration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

/** Wire form to milliseconds. */
export function fromDuration(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads a duration as people write it: `90s`, `15m`, `8h`, `1h30m`, `7d`, `0`. Returns milliseconds, or undefined if the
 * text is not a duration.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined;
}

/** Writes a duration in milliseconds as people read it: `8h`, `1h30m`, `12s`, `250ms`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)}ms`;
  let seconds = Math.round(ms / 1000);
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0 && parts.length < 2) parts.push(`${count}${unit}`);
  }
  return parts.join('');
}

/** Release delays: 1 minute to 9999 hours; 0 means that an isolation never ends by itself (seed; DESIGN 3.6). */
export const RELEASE_DELAY = {
  minMs: 60_000,
  maxMs: 9999 * 3_600_000,
  defaultMs: 8 * 3_600_000,
} as const;

/** Tells whether a release delay in milliseconds is one that may be set. */
export function isReleaseDelay(ms: number): boolean {
  return ms === 0 || (ms >= RELEASE_DELAY.minMs && ms <= RELEASE_DELAY.maxMs);
}
