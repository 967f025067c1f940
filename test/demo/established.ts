import type { Host, Site } from '../net/site/index.js';
import { ECHO_PORT } from './measure.js';

/** Connections that are open when the device is isolated, one each way over each IP version. */
export interface Established {
  /**
   * Time until both ends of every connection saw it end, milliseconds from `since` (wall clock); undefined if one of
   * them did not within the limit.
   */
  ended(since: number): Promise<number | undefined>;
}

/** Both ends must see the end within this, milliseconds. */
const LIMIT_MS = 1_000;

export async function openConnections({ devices, outside }: Site): Promise<Established> {
  const device = devices[0];
  if (!device) throw new Error('the demo needs a device');
  const pairs: [Host, Host][] = [
    [device, outside],
    [outside, device],
  ];
  for (const [from, to] of pairs) {
    const tools = await from.tools();
    for (const address of [to.v4, to.v6]) await tools.call('hold', { address, port: ECHO_PORT });
  }
  const [seenBefore] = await Promise.all([Promise.all([device, outside].map(endsAt))]);
  const before = seenBefore.map((ends) => ends.length);
  return {
    ended: async (since) => {
      for (;;) {
        const seen = await Promise.all([device, outside].map(endsAt));
        const fresh = seen.map((ends, index) => ends.slice(before[index]));
        // Each host holds two connections and has accepted two.
        if (fresh.every((ends) => ends.length >= 4)) {
          return Math.max(0, ...fresh.flat().map(({ at }) => at - since));
        }
        if (Date.now() - since > LIMIT_MS + 500) return undefined;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

async function endsAt(host: Host) {
  const tools = await host.tools();
  const { ends } = await tools.call('ends', {});
  // Connections that a probe opened and closed end in an orderly way; those that were cut do not.
  return ends.filter(({ reason }) => reason !== 'closed');
}
