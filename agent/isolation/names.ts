import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../shared/clock.js';
import { isPlainAddress } from '../../shared/exclusions/address.js';
import { EXCLUSION_LIMITS } from '../../shared/exclusions/validate.js';
import { FewAtATime, SYSTEM_LOOKUPS } from '../../shared/few-at-a-time.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';

/** Addresses of a host name, as the operating system resolves it. Rejects where there are none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export const systemLookup: Lookup = async (host) => {
  if (isIP(host)) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
};

/**
 * Asks for few names at a time, and never for one that is being looked up or waits for it. A resolver that nobody answers
 * takes 10 s and more for each name, and names are wanted again every 30 s: without a bound more and more would wait, and
 * no name would ever get its turn again, that of the server included.
 */
export function fewAtATime(look: Lookup): Lookup {
  const turns = new FewAtATime(SYSTEM_LOOKUPS);
  const wanted = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const asked = wanted.get(host) ?? turns.run(() => look(host)).finally(() => wanted.delete(host));
    wanted.set(host, asked);
    return asked;
  };
}

/** No name may hold up an isolation for longer. */
const LOOKUP_LIMIT_MS = 2000;
/** As many addresses as an exclusion may list: whoever answers for a name must not fill the packet filter. */
const MOST_ADDRESSES = EXCLUSION_LIMITS.entries;

/**
 * Addresses of a host; none where it has no address or the answer takes too long. Answers that the packet filter cannot
 * take are left out: whoever answers for a name must not be able to make the whole plan unusable.
 */
export function resolveWithin(clock: Clock, look: Lookup, host: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const cancel = clock.after(LOOKUP_LIMIT_MS, () => resolve([]));
    look(host).then(
      (found) => {
        cancel();
        resolve(found.filter(isPlainAddress));
      },
      () => {
        cancel();
        resolve([]);
      },
    );
  });
}

/** Host names that the enabled exclusions name, each once. */
export function hostNames(settings: IsolationSettings): string[] {
  const hosts = settings.exclusions.filter(({ disabled, remoteHost }) => !disabled && remoteHost !== '');
  return [...new Set(hosts.map(({ remoteHost }) => remoteHost))];
}

/**
 * Resolves host names at the same time. A name without an answer keeps the addresses that are known from before; a name
 * that never had one gets none, and its rule lets nothing pass.
 */
export async function resolveHosts(
  clock: Clock,
  look: Lookup,
  hosts: readonly string[],
  known: Readonly<Record<string, readonly string[]>>,
): Promise<Record<string, readonly string[]>> {
  const found = await Promise.all(hosts.map((host) => resolveWithin(clock, look, host)));
  return Object.fromEntries(
    hosts.map((host, index) => {
      const addresses = [...(found[index] ?? [])].sort().slice(0, MOST_ADDRESSES);
      // A name is any text, also one that every object answers to (`constructor`).
      const before = Object.hasOwn(known, host) ? known[host] : undefined;
      return [host, addresses.length > 0 ? addresses : (before ?? [])];
    }),
  );
}
