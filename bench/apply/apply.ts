import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createSite } from '../../test/net/site/index.js';
import type { Figure } from '../report.js';
import { inMs, summarize } from '../statistics.js';
import type { ApplyRequest, ApplyResult } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./process.js', import.meta.url));

/** Directive received to filters in the kernel and read back, against a bare `nft -f` of the same rules. */
export async function measureApply(request: ApplyRequest): Promise<Figure> {
  const site = createSite({ devices: 1, routed: false });
  try {
    const device = site.devices[0];
    if (!device) throw new Error('the site has no device');
    const child = device.spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error('the measuring process ended early');
    });
    child.send(request);
    const [result] = (await Promise.race([once(child, 'message'), ended])) as [ApplyResult];
    ended.catch(() => undefined);
    child.kill();
    const ours = summarize(result.ours);
    const peer = summarize(result.peer);
    return {
      name: `Directive received to filters in the kernel and read back, ${request.exclusions || 'default'} exclusions, ${request.rounds} rounds`,
      ours: inMs(ours),
      peerName: 'nft -f',
      peer: inMs(peer),
      ratio: ours.median / peer.median,
    };
  } finally {
    site.close();
  }
}
