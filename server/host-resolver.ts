import { Resolver, lookup } from 'node:dns/promises';
import { FewAtATime, SYSTEM_LOOKUPS } from '../shared/few-at-a-time.js';
import type { HostResolver } from './api/known-hosts.js';

/** Longest wait for one answer of one name server, milliseconds; a request has 3 s for all of its names. */
const ANSWER_MS = 1_000;

/** All requests together: what one asks for must not wait for ever in front of another. */
const bySystem = new FewAtATime(SYSTEM_LOOKUPS);

/**
 * Resolves as this computer does: its name servers first, many names at a time; then the way of the system, which knows
 * the hosts file and search domains and takes few at a time.
 */
export const systemHosts: HostResolver = {
  isKnown: async (name, signal) => {
    const resolver = new Resolver({ timeout: ANSWER_MS, tries: 1 });
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      if (found.some(({ status }) => status === 'fulfilled')) return true;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    signal.throwIfAborted();
    return bySystem.run(async () => {
      // Whoever asked may have gone while others had their turn.
      signal.throwIfAborted();
      return lookup(name).then(
        () => true,
        () => false,
      );
    });
  },
};
