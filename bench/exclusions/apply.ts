import { fileURLToPath } from 'node:url';
import { createSite } from '../../test/net/site/index.js';
import { ask } from './ask.js';
import type { Figure } from '../report.js';
import { inMs, summarize } from '../statistics.js';
import { mixedExclusions } from './many.js';
import type { ApplyManyRequest, ApplyManyResult } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./apply-process.js', import.meta.url));

/** Compile, load and read back a large list of exclusions of every form, against a bare `nft -f` of the same rules. */
export async function measureManyExclusions(options: {
  readonly exclusions: number;
  readonly rounds: number;
}): Promise<Figure> {
  const site = createSite({ devices: 1, routed: false });
  try {
    const device = site.devices[0];
    if (!device) throw new Error('the site has no device');
    const child = device.spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const request: ApplyManyRequest = {
      rounds: options.rounds,
      exclusions: mixedExclusions(options.exclusions),
    };
    const result = await ask<ApplyManyResult>(child, request);
    child.kill();
    const ours = summarize(result.ours);
    const peer = summarize(result.peer);
    return {
      name: `Compile, apply and read back ${options.exclusions} mixed exclusions, ${options.rounds} rounds`,
      ours: inMs(ours),
      peerName: 'nft -f',
      peer: inMs(peer),
      ratio: ours.median / peer.median,
    };
  } finally {
    site.close();
  }
}
