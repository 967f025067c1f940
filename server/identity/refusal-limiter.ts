import { isIPv6 } from 'node:net';

const WINDOW_MS = 60_000;
const REFUSALS_IN_WINDOW = 5;
/** Addresses remembered; the one refused longest ago is forgotten first. */
const MOST_ADDRESSES = 10_000;

/**
 * Slows down an address that is refused again and again: guessing a token is hopeless anyway, but filling the log and the
 * processor is not.
 */
export class RefusalLimiter {
  /** Times of the last refusals by address, in the order of the newest one. */
  private readonly refusals = new Map<string, number[]>();

  /**
   * How long the address must wait, in milliseconds; 0: not at all.
   * @param now milliseconds of a clock that does not jump
   */
  waitMs(address: string, now: number): number {
    const recent = this.recent(bucketOf(address), now);
    const oldest = recent.at(-REFUSALS_IN_WINDOW);
    return oldest === undefined ? 0 : Math.max(0, oldest + WINDOW_MS - now);
  }

  refused(address: string, now: number): void {
    const bucket = bucketOf(address);
    const recent = [...this.recent(bucket, now), now].slice(-REFUSALS_IN_WINDOW);
    this.refusals.delete(bucket);
    this.refusals.set(bucket, recent);
    if (this.refusals.size > MOST_ADDRESSES) {
      const [first] = this.refusals.keys();
      if (first !== undefined) this.refusals.delete(first);
    }
  }

  private recent(bucket: string, now: number): number[] {
    return (this.refusals.get(bucket) ?? []).filter((time) => time > now - WINDOW_MS);
  }
}

/** One host has a whole /64 of IPv6 addresses. */
function bucketOf(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Math.max(0, 8 - left.length - right.length) : 0;
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return groups.slice(0, 4).join(':');
}
