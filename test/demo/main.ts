import { Fleet } from '../net/fleet/fleet.js';
import { createSite, requireNetAdmin, type Site } from '../net/site/index.js';
import { openConnections } from './established.js';
import { ECHO_PORT, rows, type Phase } from './measure.js';
import { requireSystemTools } from './requirements.js';
import { PHASES, holds, renderTable, type Measured } from './table.js';

/** `npm run demo [-- --keep]`: isolates a device of a small site and shows with packets what that does. */

const started = performance.now();
const say = (text: string): void => {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);
};

async function main(): Promise<number> {
  const unknown = process.argv.slice(2).filter((argument) => argument !== '--keep');
  if (unknown.length > 0) {
    console.error(
      `demo: unknown argument ${unknown.join(' ')}; the only one is --keep, which leaves the site running`,
    );
    return 2;
  }
  requireSystemTools();
  requireNetAdmin();

  say('building a site: a server, three devices, an outside host, a host routed by the first device');
  const site = createSite({ devices: 3, routed: true });
  const fleet = new Fleet(site.server);
  try {
    const kept = await play(site, fleet);
    if (process.argv.includes('--keep')) await keep(site, fleet);
    return kept ? 0 : 1;
  } finally {
    await fleet.close();
    site.close();
    say('the site is gone');
  }
}

/** Tells the whole story. True if every promise was kept. */
async function play(site: Site, fleet: Fleet): Promise<boolean> {
  const device = site.devices[0];
  if (!device) throw new Error('no device');
  say('starting the server');
  await fleet.startServer();
  say('enrolling and starting three agents');
  for (const host of site.devices) await fleet.startAgent(host);
  for (const host of site.devices) await fleet.untilCurrent(host.name);
  for (const host of [site.outside, ...site.devices])
    await (await host.tools()).call('echo', { port: ECHO_PORT });

  const measured: Measured[] = rows(site, fleet).map((row) => ({
    row,
    cells: { before: '', during: '', after: '' },
  }));
  const measure = async (phase: Phase): Promise<void> => {
    await Promise.all(
      rows(site, fleet).map(async (row, index) => {
        const cells = measured[index]?.cells;
        if (cells) cells[phase] = await row.measure();
      }),
    );
  };

  say('measuring before');
  await measure('before');
  const established = await openConnections(site);
  const flows = await startFlows(site);

  const command = ['isolate', device.name, '--reason', 'demo: malware found', '--wait'];
  say(`cordon ${command.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ')}`);
  await fleet.cli(...command);
  const isolation = await newestIsolation(fleet, device.name);
  const cutAfter = await established.ended(Date.parse(isolation.enforcedAt));
  const leakedFrom = await flows.received();
  say('measuring while isolated');
  await measure('during');
  const leaked = minus(await flows.received(), leakedFrom);
  const show = await fleet.untilCurrent(device.name);

  say(`cordon release ${device.name} --reason "demo: cleaned" --wait`);
  await fleet.cli('release', device.name, '--reason', 'demo: cleaned', '--wait');
  const afterRelease = await flows.received();
  say('measuring after');
  await measure('after');
  const flowing = minus(await flows.received(), afterRelease);
  await flows.stop();

  const orderMs = Date.parse(isolation.enforcedAt) - Date.parse(isolation.issuedAt);
  const latency = Number((show.observed?.enforceLatency ?? '').replace('s', '')) * 1000;
  measured.push(
    single(
      'established connections cut on both ends',
      /^cut within/,
      cutAfter === undefined ? 'still open' : `cut within ${Math.round(cutAfter)} ms`,
    ),
    single('packets of blocked flows that reached a peer', /^0 /, `${leaked} of continuous TCP and UDP`),
    single(
      'proof by the device',
      /^verified/,
      (show.observed?.evidence?.verification ?? 'none').replace('VERIFICATION_', '').toLowerCase(),
    ),
    single('order to enforced, as the server stored it', /^\d+ ms/, `${orderMs} ms`),
    single('directive received to rules in the kernel', /^\d/, `${latency.toFixed(1)} ms`),
  );
  const control = single('the same flows again after release', /^[1-9]/, '');
  control.cells.during = '';
  control.cells.after = `${flowing} packets`;
  measured.push({
    row: { ...control.row, promised: { before: /^$/, during: /^$/, after: /^[1-9]/ } },
    cells: control.cells,
  });

  console.log(`\n${renderTable(measured)}\n`);
  const broken = measured.filter((one) => !holds(one));
  if (broken.length === 0) say('every row is as promised');
  else for (const { row } of broken) say(`not as promised: ${row.name}`);
  return broken.length === 0;
}

/** A row about the isolation itself: there is nothing to measure before and after. */
function single(name: string, promised: RegExp, seen: string): Measured {
  return {
    row: { name, promised: { before: /^$/, during: promised, after: /^$/ } },
    cells: { before: '', during: seen, after: '' },
  };
}

interface IsolationView {
  readonly issuedAt: string;
  readonly enforcedAt: string;
}

async function newestIsolation(fleet: Fleet, device: string): Promise<IsolationView> {
  const listed = await fleet.json<{ isolations: IsolationView[] }>('isolations', 'list', '--device', device);
  const newest = listed.isolations[0];
  if (!newest) throw new Error('the server has no record of the isolation');
  return newest;
}

function minus(later: number, earlier: number): number {
  return later - earlier;
}

/** Continuous TCP and UDP, both ways, both IP versions, counted by the kernel of the receiving side. */
async function startFlows({ devices, outside }: Site) {
  const device = devices[0];
  if (!device) throw new Error('no device');
  const { countPackets } = await import('../net/site/index.js');
  const count = (host: typeof outside, from: typeof outside) =>
    countPackets(host, {
      udp4: `ip saddr ${from.v4} udp dport ${ECHO_PORT}`,
      udp6: `ip6 saddr ${from.v6} udp dport ${ECHO_PORT}`,
      // A reset is the answer that the operating system may give; data and new connections are not.
      tcp4: `ip saddr ${from.v4} tcp dport ${ECHO_PORT} tcp flags & rst == 0`,
      tcp6: `ip6 saddr ${from.v6} tcp dport ${ECHO_PORT} tcp flags & rst == 0`,
    });
  const counters = await count(outside, device);
  const tools = await device.tools();
  const running: number[] = [];
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const address of [outside.v4, outside.v6]) {
      const { id } = await tools.call('startStream', { protocol, address, port: ECHO_PORT, intervalMs: 10 });
      running.push(id);
    }
  }
  return {
    received: async () => [...(await counters.read()).values()].reduce((sum, packets) => sum + packets, 0),
    stop: async () => {
      for (const id of running) await tools.call('stopStream', { id });
      await counters.remove();
    },
  };
}

async function keep(site: Site, fleet: Fleet): Promise<void> {
  const enter = `nsenter --net=/run/netns/`;
  console.log(`
The site is running; Ctrl-C ends it. In another terminal${process.getuid?.() === 0 ? ' as root' : ''}:

  export CORDON_CONFIG=${fleet.cliConfig}
  alias cordon="${enter}${site.server.namespace} ${process.execPath} bin/cordon"
  cordon devices list
  cordon isolate dev1 --reason "trying it" --wait
  ${enter}${site.devices[0]?.namespace} nft list table inet cordon
  ${enter}${site.outside.namespace} ping -c 1 ${site.devices[0]?.v4}
  cordon release dev1 --reason "tried" --wait
  cordon audit list
`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
