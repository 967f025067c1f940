import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { newId } from '../../../shared/ids.js';
import { isolate, release } from '../../fakes/isolation.js';
import { ECHO_PORT, rulesOf, sleep, untilAllCross } from '../containment/scene.js';
import { startFlows, type Flows } from '../fleet/flows.js';
import {
  canMakeCgroups,
  createSite,
  itNeeding,
  makeCgroup,
  requireNetAdmin,
  type Host,
  type Site,
  type TestCgroup,
} from '../site/index.js';
import { SteeredAgent } from '../steered/steered-agent.js';
import { SteeredServer } from '../steered/steered-server.js';

requireNetAdmin();

const CGROUPS = { met: canMakeCgroups(), why: 'needs root and a writable cgroup2 mount' };

/** Everything on a computer that an isolation could leave behind. */
interface Traces {
  readonly rules: string;
  /** Marks of tracked connections other than none. */
  readonly marks: readonly string[];
  /** Control groups below that of the agent. */
  readonly cgroups: readonly string[];
  /** Command lines of the programs that the agent has started and that still run. */
  readonly programs: readonly string[];
  /** Names in the agent's folder and in the folders for what lives as long as a boot. */
  readonly files: readonly string[];
}

describe('after a release', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-after-'));
  let site: Site | undefined;
  let device: Host;
  let server: SteeredServer;
  let agent: SteeredAgent;
  let cgroup: TestCgroup | undefined;
  let flows: Flows;

  before(async () => {
    const made = (site = createSite({ devices: 1, routed: false }));
    [device] = made.devices as [Host];
    server = await SteeredServer.start(made.server);
    // Apart from the log, so that nothing is in the folder that an agent did not put there.
    mkdirSync(join(folder, 'agent'));
    agent = await SteeredAgent.enrolled(device, join(folder, 'agent'), server, made.server);
    cgroup = CGROUPS.met ? makeCgroup() : undefined;
    await agent.start({ wrapper: inGroup() });
    for (const host of [device, made.outside]) await (await host.tools()).call('echo', { port: ECHO_PORT });
    flows = await startFlows(device, made.outside, ECHO_PORT);
  });
  after(async () => {
    await agent?.kill();
    site?.close();
    cgroup?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** In a control group of its own, as under systemd. */
  function inGroup(): string[] {
    return cgroup ? ['sh', '-c', `echo $$ > ${cgroup.folder}/cgroup.procs && exec "$0" "$@"`] : [];
  }

  async function traces(): Promise<Traces> {
    const { stdout } = await device.exec('conntrack', ['-L']);
    expect(stdout, 'control: connections are tracked').to.contain('mark=');
    return {
      rules: await rulesOf(device),
      marks: stdout.match(/mark=(?!0\b)\d+/g) ?? [],
      cgroups: cgroup ? foldersIn(cgroup.folder) : [],
      programs: programsOf(agent.pid),
      files: [
        ...readdirSync(agent.folder).map((name) => `data: ${name}`),
        ...['/run', '/run/lock'].flatMap((place) =>
          readdirSync(place)
            .filter((name) => name.startsWith('cordon-agent'))
            .map((name) => join(place, name)),
        ),
      ].sort(),
    };
  }

  const isolateNow = async (): Promise<void> => {
    await server.order(agent.deviceId, isolate(newId()));
  };

  itNeeding(
    CGROUPS,
    'nothing of ours is left: no table, set, mark, control group, program or file',
    async () => {
      // The first isolation makes the state file and the event log, which stay as the memory of the device.
      await isolateNow();
      await server.order(agent.deviceId, release(newId()));
      await sleep(300);
      const before = await traces();
      expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
      await isolateNow();
      const during = await traces();
      expect(during.rules, 'control').to.contain('table inet cordon').and.to.contain('set hold');
      expect(during.programs.join('\n'), 'control').to.contain('monitor');
      await server.order(agent.deviceId, release(newId()));
      expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
      await sleep(300);
      expect(await traces()).to.deep.equal(before);
      expect(before.rules).not.to.contain('cordon ');
      expect(before).to.deep.include({ marks: [], cgroups: [], programs: [] });
    },
  );

  it('a purge of an isolated device leaves neither table, data folder nor control socket, and the network open', async () => {
    await isolateNow();
    await agent.kill();
    await sleep(200);
    expect(await rulesOf(device), 'control').to.contain('table inet cordon');
    expect(readdirSync(agent.folder), 'control').to.include('isolation.json');
    expect(existsSync(agent.controlSocket), 'control').to.equal(true);
    const { code, stderr } = await agent.run('purge', '--yes');
    expect(code, stderr).to.equal(0);
    expect(await rulesOf(device)).not.to.contain('inet cordon ');
    expect(existsSync(agent.folder)).to.equal(false);
    expect(existsSync(dirname(agent.controlSocket))).to.equal(false);
    expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
    // Once more finds nothing to do.
    expect((await agent.run('purge', '--yes')).code).to.equal(0);
    expect(existsSync(agent.folder)).to.equal(false);
  });
});

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function programsOf(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children
    .split(' ')
    .filter((child) => child !== '')
    .flatMap((child) => {
      try {
        return [readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
      } catch {
        // It ended between the two looks.
        return [];
      }
    });
}
