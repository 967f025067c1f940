import type { Fleet } from '../net/fleet/fleet.js';
import { startFlows, total } from '../net/fleet/flows.js';
import type { Site } from '../net/site/index.js';
import { openConnections } from './established.js';
import { ECHO_PORT, rows } from './measure.js';
import { aboutIsolation, emptyTable, measureAll, report, type Measured } from './table.js';

type Say = (text: string) => void;

/** Isolates and releases the first device of the site and prints what was measured. True if every promise was kept. */
export async function tellStory(site: Site, fleet: Fleet, say: Say): Promise<boolean> {
  const [device] = site.devices;
  if (!device) throw new Error('the demo needs a device');
  await bringUp(site, fleet, say);

  const measurable = emptyTable(rows(site, fleet));
  const table: Measured[] = [...measurable];

  say('measuring before');
  await measureAll(measurable, 'before');
  const established = await openConnections(site);
  const flows = await startFlows(device, site.outside, ECHO_PORT);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const flowedBefore = await total(flows);

  say(`cordon isolate ${device.name} --reason "demo: malware found" --wait`);
  await fleet.cli('isolate', device.name, '--reason', 'demo: malware found', '--wait');
  const leakedFrom = await total(flows);
  const isolation = await newestIsolation(fleet, device.name);
  const cutAfterMs = await established.ended(isolation.issuedAt);
  say('measuring while isolated');
  await measureAll(measurable, 'during');
  const leaked = (await total(flows)) - leakedFrom;
  const { observed } = await fleet.untilCurrent(device.name);

  say(`cordon release ${device.name} --reason "demo: cleaned" --wait`);
  await fleet.cli('release', device.name, '--reason', 'demo: cleaned', '--wait');
  const releasedFrom = await total(flows);
  say('measuring after');
  await measureAll(measurable, 'after');
  const flowedAfter = (await total(flows)) - releasedFrom;
  await flows.stop();

  const packets = (count: number): string => `${count} packets`;
  const kernelMs = Number((observed?.enforceLatency ?? '').replace('s', '')) * 1000;
  const proof = (observed?.evidence?.verification ?? 'none').replace('VERIFICATION_', '').toLowerCase();
  table.push(
    {
      row: {
        name: 'continuous TCP and UDP that crossed',
        promised: { before: /^[1-9]/, during: /^0 /, after: /^[1-9]/ },
      },
      cells: { before: packets(flowedBefore), during: packets(leaked), after: packets(flowedAfter) },
    },
    aboutIsolation(
      'open connections ended, both ends',
      /^within/,
      cutAfterMs === undefined ? 'still open' : `within ${Math.round(cutAfterMs)} ms of order`,
    ),
    aboutIsolation('proof by the device', /^verified$/, proof),
    aboutIsolation('order to enforced', /^\d+ ms$/, `${isolation.enforcedAt - isolation.issuedAt} ms`),
    aboutIsolation('of which on the device', /^\d+\.\d ms$/, `${kernelMs.toFixed(1)} ms`),
  );

  return report(table, say);
}

async function bringUp(site: Site, fleet: Fleet, say: Say): Promise<void> {
  say('starting the server');
  await fleet.startServer();
  say(`enrolling and starting ${site.devices.length} agents`);
  for (const host of site.devices) await fleet.startAgent(host);
  for (const host of site.devices) await fleet.untilCurrent(host.name);
  for (const host of [site.outside, ...site.devices]) {
    await (await host.tools()).call('echo', { port: ECHO_PORT });
  }
}

/** Times of the newest isolation as the server stored them, milliseconds since 1970. */
async function newestIsolation(
  fleet: Fleet,
  device: string,
): Promise<{ readonly issuedAt: number; readonly enforcedAt: number }> {
  const { isolations } = await fleet.json<{ isolations: { issuedAt: string; enforcedAt: string }[] }>(
    'isolations',
    'list',
    '--device',
    device,
  );
  const newest = isolations[0];
  if (!newest) throw new Error('the server has no record of the isolation');
  return { issuedAt: Date.parse(newest.issuedAt), enforcedAt: Date.parse(newest.enforcedAt) };
}
