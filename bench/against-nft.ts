import { createSite } from '../test/net/site/index.js';
import { ask } from './ask.js';
import type { Figure } from './report.js';
import { inMs, summarize } from './statistics.js';

/** What a measuring process answers: our time of each round and that of a bare `nft -f` of the same rules, milliseconds. */
export interface Times {
  readonly ours: readonly number[];
  readonly peer: readonly number[];
}

/** Has a program measure inside a device of its own. @param program path of the measuring program */
export async function againstNft(name: string, program: string, request: object): Promise<Figure> {
  const site = createSite({ devices: 1, routed: false });
  try {
    const device = site.devices[0];
    if (!device) throw new Error('the site has no device');
    const child = device.spawn(process.execPath, [program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const times = await ask<Times>(child, request);
    child.kill();
    const [ours, peer] = [summarize(times.ours), summarize(times.peer)];
    return { name, ours: inMs(ours), peerName: 'nft -f', peer: inMs(peer), ratio: ours.median / peer.median };
  } finally {
    site.close();
  }
}
