import { readdirSync, readFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { until } from '../../fault/until.js';
import { FAMILIES, openScene, reachedPorts, sleep, type Scene } from '../containment/scene.js';
import { requireNetAdmin } from '../site/index.js';
import { documentFor, plantHarmless } from './indicators.js';

requireNetAdmin();

const POLICY_PORT = 5101;
const TASK_PORT = 5102;

/** Part of `cordon -o json alerts list`. */
interface Alert {
  readonly id: string;
  readonly source: string;
  readonly title: string;
  readonly state: string;
  readonly isolationId: string;
  readonly iocMatch?: {
    readonly documentName: string;
    readonly items: readonly {
      readonly fields: readonly { readonly term: string; readonly value: string }[];
    }[];
    readonly nodes: readonly object[];
  };
  readonly responses: readonly { readonly action: string; readonly state: string; readonly detail: string }[];
}

/** Exclusion that lets the device reach one port of the other side. */
const outbound = (name: string, port: number): object => ({
  name,
  direction: 'outbound',
  protocol: 'tcp',
  remote_ports: [port],
});

describe('an IOC scan isolates the device that it finds something on', function () {
  this.timeout(60_000);
  let scene: Scene;
  let scans = 0;

  before(async () => {
    scene = await openScene();
    const { fleet, device, beyond } = scene;
    for (const port of [POLICY_PORT, TASK_PORT]) await beyond.call('echo', { port });
    await applyPolicy(true);
    await fleet.apply('task', { device: device.name, exclusions: [outbound('task only', TASK_PORT)] });
    await fleet.untilCurrent(device.name);
  });
  after(() => scene.close());

  async function applyPolicy(automatic: boolean): Promise<void> {
    const exclusions = [outbound('policy only', POLICY_PORT)];
    const policy = { name: 'all devices', group: 'root', automatic_isolation: automatic, exclusions };
    await scene.fleet.apply('policy', policy);
    await scene.fleet.untilCurrent(scene.device.name);
  }

  /** Makes a scan of a folder of its own for a harmful content, and returns its name and folder. */
  async function makeScan(
    harmful: readonly string[],
    files: number,
    ...flags: readonly string[]
  ): Promise<{ name: string; folder: string }> {
    scans += 1;
    const { fleet, device } = scene;
    const name = `scan-${scans}`;
    const folder = join(fleet.dataFolder, name);
    plantHarmless(folder, files);
    const document = join(fleet.dataFolder, `${name}.ioc`);
    writeFileSync(document, documentFor(`Document of ${name}`, harmful));
    const what = ['--document', document, '--area', 'folders', '--folder', folder];
    await fleet.cli('scan', 'create', name, '--device', device.name, ...what, ...flags);
    return { name, folder };
  }
  const alertsOf = async (scan: string): Promise<readonly Alert[]> =>
    (await scene.fleet.json<{ alerts: Alert[] }>('alerts', 'list', '--all', '--task', scan)).alerts;
  const run = (scan: string): ReturnType<Scene['fleet']['tryCli']> =>
    scene.fleet.tryCli('scan', 'run', scan, '--wait', '--timeout', '40s');
  const answers = ({ responses }: Alert): string[] =>
    responses.map(({ action, state }) =>
      `${action} ${state}`.replaceAll(/RESPONSE_(ACTION|STATE)_/g, '').toLowerCase(),
    );
  const fieldOf = ({ iocMatch }: Alert, wanted: string): string | undefined =>
    iocMatch?.items.flatMap(({ fields }) => fields).find(({ term }) => term === wanted)?.value;

  const reached = (): Promise<Record<string, number[]>> => reachedPorts(scene, [POLICY_PORT, TASK_PORT]);
  const both = (ports: number[]): Record<string, number[]> => ({ v4: ports, v6: ports });
  const untilObserved = async (state: string): Promise<void> => {
    await until(`the server sees the device ${state}`, 15_000, async () => {
      const { observed } = await scene.fleet.untilCurrent(scene.device.name);
      return observed?.state === `ISOLATION_STATE_${state}`;
    });
  };
  /** Lines of the agent's log with this text, newest last: when they were written, wall clock, milliseconds. */
  const loggedAt = (text: string): number[] =>
    scene.fleet
      .log(scene.device.name)
      .split('\n')
      .filter((line) => line.includes(`"${text}"`))
      .map((line) => (JSON.parse(line) as { time: number }).time);

  describe('while the server is there', () => {
    it('reaches everything before (control)', async () => {
      expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
    });

    it('within a second of the match, with the exclusions of the policy and not those of the task', async () => {
      const { inside, outside } = scene;
      const { name, folder } = await makeScan(['harmful 1'], 300, '--respond', 'isolate,quarantine');
      writeFileSync(join(folder, 'invoice.exe'), 'harmful 1');
      for (const family of FAMILIES) {
        await inside.call('hold', { address: outside[family], port: TASK_PORT });
      }
      await run(name);
      expect(await reached()).to.deep.equal(both([POLICY_PORT]));
      const [matchedAt = NaN] = loggedAt('an indicator matched').slice(-1);
      const { ends } = await inside.call('ends', {});
      const cut = ends.filter(({ side }) => side === 'held');
      expect(cut.map(({ peerPort }) => peerPort)).to.deep.equal([TASK_PORT, TASK_PORT]);
      for (const { at } of cut) expect(at - matchedAt).to.be.within(0, 1_000);
      await untilObserved('ISOLATED');
    });

    it('raises one alert that shows why, what was found, and what was done', async () => {
      const [alert, ...others] = await alertsOf('scan-1');
      if (!alert) throw new Error('no alert');
      const path = join(scene.fleet.dataFolder, 'scan-1', 'invoice.exe');
      expect(others).to.deep.equal([]);
      expect(alert).to.include({ source: 'ioc-scan', state: 'ALERT_STATE_OPEN' });
      expect(alert.iocMatch?.documentName).to.equal('Document of scan-1');
      expect(alert.iocMatch?.nodes).to.have.length.greaterThan(0);
      expect(fieldOf(alert, 'FileItem/FullPath')).to.equal(path);
      expect(answers(alert)).to.deep.equal(['isolate done', 'quarantine_file done']);
      const { observed } = await scene.fleet.untilCurrent(scene.device.name);
      expect(observed?.isolationId).to.equal(alert.isolationId);
      const shown = await scene.fleet.cli('devices', 'show', scene.device.name);
      expect(shown).to.contain('IOC "Document of scan-1"').and.to.contain('invoice.exe');
    });

    it('has put the file away, and the local command line puts it back', async () => {
      const { fleet, device } = scene;
      const path = join(fleet.dataFolder, 'scan-1', 'invoice.exe');
      expect(existsSync(path)).to.equal(false);
      const { stdout } = await fleet.atDevice(device, ['quarantine', 'list', '--json']);
      const { files } = JSON.parse(stdout) as { files: { id: string; path: string; reason: string }[] };
      expect(files).to.have.length(1);
      expect(files[0]).to.include({ path, reason: 'Document of scan-1' });
      const restored = await fleet.atDevice(device, ['quarantine', 'restore', files[0]?.id ?? '']);
      expect(restored.code, restored.stderr).to.equal(0);
      expect(readFileSync(path, 'utf8')).to.equal('harmful 1');
    });

    it('is released by the operator', async () => {
      await scene.release();
      expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
    });
  });

  describe('while the server is out of reach', () => {
    const LOST =
      'table inet lost { chain in { type filter hook input priority -300; iifname "eth0" meta l4proto tcp reject with tcp reset; }; }';

    it('isolates all the same, from a scan that it had been told of before', async () => {
      const { fleet, server } = { ...scene, server: scene.site.server };
      const { name, folder } = await makeScan(['harmful 2'], 300, '--respond', 'isolate', '--at', '+6s');
      writeFileSync(join(folder, 'payload'), 'harmful 2');
      await until(
        'the device has the command and the document',
        5_000,
        () => readFolder(join(fleet.dataFolder, scene.device.name, 'documents')).length >= 2,
      );
      expect((await server.exec('nft', [LOST])).code).to.equal(0);
      expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
      const { outcome } = await scene.inside.call('tcpConnect', { address: server.v4, port: 7443 });
      expect(outcome).to.equal('refused');
      const before = loggedAt('an indicator matched').length;
      await until('the scan finds it', 15_000, () => loggedAt('an indicator matched').length > before);
      await until('the device is isolated', 1_000, async () => {
        const { outcome: task } = await scene.inside.call('tcpConnect', {
          address: scene.outside.v6,
          port: TASK_PORT,
          timeoutMs: 200,
        });
        return task !== 'open';
      });
      expect(await reached()).to.deep.equal(both([POLICY_PORT]));
      expect(await alertsOf(name)).to.deep.equal([]);
    });

    it('tells of it when the server is back, once', async () => {
      await scene.site.server.exec('nft', ['delete', 'table', 'inet', 'lost']);
      await untilObserved('ISOLATED');
      await until('the alert comes', 15_000, async () => (await alertsOf('scan-2')).length > 0);
      await sleep(500);
      const alerts = await alertsOf('scan-2');
      expect(alerts.map(answers)).to.deep.equal([['isolate done']]);
    });

    it('is released by the local command line', async () => {
      const { fleet, device } = scene;
      expect((await fleet.atDevice(device, ['isolation', '/disable'])).code).to.equal(0);
      expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
      await untilObserved('RELEASED');
    });
  });

  describe('when something is against it', () => {
    it('goes on after the agent was killed in the middle of it; nothing is lost, and nothing told twice', async () => {
      const { fleet, device } = scene;
      const contents = [...Array(12).keys()].map((n) => `harmful 3.${n}`);
      const { name, folder } = await makeScan(contents, 2_400, '--cpu', '20');
      for (const [n, content] of contents.entries()) {
        writeFileSync(join(folder, `file-${String(n * 200).padStart(5, '0')}-bad`), content);
      }
      await fleet.cli('scan', 'run', name);
      const before = loggedAt('an indicator matched').length;
      for (let kill = 1; kill <= 2; kill++) {
        await until(
          'it has found some',
          20_000,
          () => loggedAt('an indicator matched').length >= before + 3 * kill,
        );
        await fleet.kill(device.name);
        await until('no scan process outlives the agent', 2_000, () => scanProcesses().length === 0);
        await fleet.startAgent(device);
      }
      await until('the scan is over', 30_000, async () => {
        const { commands } = await fleet.json<{ commands: { state: string; spec: object }[] }>(
          ...['command', 'list', '--device', device.name],
        );
        const [last] = commands.filter(({ spec }) => 'iocScan' in spec);
        if (last && /FAILED|TIMED_OUT|CANCELLED|EXPIRED/.test(last.state))
          throw new Error(JSON.stringify(last));
        return last?.state === 'COMMAND_STATE_SUCCEEDED';
      });
      const found = (await alertsOf(name)).map((alert) => fieldOf(alert, 'FileItem/FullPath')).sort();
      const planted = readdirSync(folder).filter((each) => each.endsWith('-bad'));
      expect(found).to.deep.equal(planted.map((each) => join(folder, each)).sort());
      expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
    });

    it('does nothing where the policy has automatic isolation off, and the alert says so', async () => {
      await applyPolicy(false);
      const { name, folder } = await makeScan(['harmful 4'], 100, '--respond', 'isolate,quarantine');
      const path = join(folder, 'invoice.exe');
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, 'harmful 4');
      await run(name);
      const alerts = await alertsOf(name);
      expect(alerts.map(answers)).to.deep.equal([['isolate refused', 'quarantine_file refused']]);
      expect(alerts[0]?.responses[0]?.detail).to.equal(
        'the policy of this device has automatic isolation off',
      );
      expect(existsSync(path)).to.equal(true);
      expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
    });
  });

  /** Ids of scan processes in the namespace of the device. */
  function scanProcesses(): string[] {
    return readdirSync('/proc').filter((id) => {
      if (!/^\d+$/.test(id)) return false;
      try {
        const line = readFileSync(`/proc/${id}/cmdline`, 'utf8');
        return line.includes('/agent/detect/process/');
      } catch {
        return false;
      }
    });
  }
});

function readFolder(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
