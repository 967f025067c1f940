import { fileURLToPath } from 'node:url';
import { Exclusion, ExclusionDirection } from '../../shared/gen/cordon/v1/exclusion.js';
import { DeviceAgent } from '../../test/net/enforcer/device-agent.js';
import { createSite, type Host } from '../../test/net/site/index.js';
import type { Figure } from '../report.js';
import { summarize } from '../statistics.js';
import { ask } from '../ask.js';
import { benchPlan, mixedExclusions } from './many.js';
import type { FlowAnswer, FlowRequest } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./flow-process.js', import.meta.url));
const PORT = 5001;
const SAMPLE_MS = 1000;

/** Throughput of an excluded TCP flow while isolated, against the same flow without rules; the two take turns. */
export async function measureExcludedFlow(options: {
  readonly exclusions: number;
  readonly rounds: number;
}): Promise<Figure> {
  const site = createSite({ devices: 1, routed: false });
  try {
    const device = site.devices[0];
    if (!device) throw new Error('the site has no device');
    const start = (host: Host): ReturnType<Host['spawn']> =>
      host.spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const sender = start(device);
    const agent = await DeviceAgent.start(device);
    await ask<FlowAnswer>(start(site.outside), { kind: 'listen', port: PORT } satisfies FlowRequest);
    const excluded = Exclusion.fromPartial({
      name: 'the flow',
      direction: ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND,
      protocol: 6,
      remotePorts: [{ first: PORT, last: PORT }],
      remoteAddresses: [`${site.outside.v4}/31`],
    });
    const plan = benchPlan([...mixedExclusions(options.exclusions - 1), excluded]);
    const sample = async (): Promise<number> => {
      const request: FlowRequest = { kind: 'send', address: site.outside.v4, port: PORT, ms: SAMPLE_MS };
      return (await ask<FlowAnswer>(sender, request)).bytesPerSecond;
    };
    const isolated: number[] = [];
    const open: number[] = [];
    for (let round = -1; round < options.rounds; round++) {
      await agent.apply(plan);
      const under = await sample();
      await agent.clear();
      const without = await sample();
      // The first round warms both ends.
      if (round === -1) continue;
      isolated.push(under);
      open.push(without);
    }
    const ours = summarize(isolated).median;
    const peer = summarize(open).median;
    return {
      name: `Throughput of an excluded TCP flow while isolated with ${options.exclusions} exclusions, ${options.rounds} rounds; above 1 is better here`,
      ours: inGbit(ours),
      peerName: 'no rules',
      peer: inGbit(peer),
      ratio: ours / peer,
    };
  } finally {
    site.close();
  }
}

function inGbit(bytesPerSecond: number): string {
  return `${((bytesPerSecond * 8) / 1e9).toFixed(2)} Gbit/s`;
}
