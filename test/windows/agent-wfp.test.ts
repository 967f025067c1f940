import { expect } from 'chai';
import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import type { Filter } from '../../agent/enforce/wfp/types.js';
import { Exclusion, ExclusionDirection } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationState, type ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { Administrator } from '../fault/administrator.js';
import { until } from '../fault/until.js';
import { itNeeding } from '../net/site/it-needing.js';
import { vectors } from '../vectors/vectors.js';
import { AgentSite, PATIENCE_MS } from './agent-site.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import type { BfeDump } from './bfe-double/dump.js';
import { agentIn, comparable, expectedFilters, heldIn, isClosed, planWith } from './filters-of-device.js';
import { blockedBy, leaksIn } from './verdicts.js';
import { wine } from './wine.js';

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;
const { ISOLATION_STATE_ISOLATED: ISOLATED, ISOLATION_STATE_RELEASED: RELEASED } = IsolationState;
/** RPC_S and FWP_E codes as Windows gives them. */
const TXN_ABORTED = 0x8032000f;
const OUT_OF_MEMORY = 14;
/** Of all kinds, to and from everybody. */
const FLOWS = vectors(8, 1).flatMap(({ flows }) => flows);

const web = (port: number): Exclusion =>
  Exclusion.fromPartial({
    name: `intranet ${port}`,
    direction: ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND,
    protocol: 6,
    remotePorts: [{ first: port, last: port + 9 }],
    remoteAddresses: ['10.20.0.0/16', '2001:db8:1::/48', '192.0.2.7-192.0.2.9'],
  });

describe('the whole agent on Windows', function () {
  // A dozen programs start in a Windows of their own: seconds on a computer with nothing else to do.
  this.timeout(300_000);
  let site: AgentSite;
  let bfe: BfeDouble;

  const open = async (): Promise<void> => {
    let installed: BfeDouble | undefined;
    site = await AgentSite.open({
      enforcer: 'auto',
      prepare: (windows) => (installed = BfeDouble.install(windows)),
    });
    if (!installed) throw new Error('the double is not installed');
    bfe = installed;
    await site.startAgent();
  };
  const isolate = async (): Promise<ObservedIsolation> => {
    await site.done('isolate', site.device, '--reason', 'case 1', '--yes', '--wait');
    return isolated();
  };
  const isolated = async (): Promise<ObservedIsolation> => {
    const { observed } = await site.untilDevice('isolated', (device) => device.observed?.state === ISOLATED);
    if (!observed) throw new Error('nothing is observed');
    return observed;
  };
  const held = async () => heldIn(await bfe.refresh());
  /** What an operator reads about the device. */
  const shown = (): Promise<string> => site.done('devices', 'show', site.device);

  afterEach(() => site?.close());

  itNeeding(
    needs,
    'holds exactly the filters of its plan, changes them in one step, and leaves none',
    async () => {
      await open();
      const { server } = site;
      const administrator = new Administrator(site.client);
      const endpoints = [server.agentPort, server.managementPort].map((port) => ({
        address: '127.0.0.1',
        port,
      }));
      await bfe.keepHistory(true);

      const first = await isolate();
      const filters = await held();
      const agent = agentIn(filters);
      const closedAt = bfe.dump().version;
      expect(comparable(filters)).to.deep.equal(
        comparable(expectedFilters(first.isolationId, defaultExclusions(), endpoints, agent)),
      );

      const target = { $case: 'deviceId' as const, value: site.device };
      const task = await administrator.createTask(target, { exclusions: [web(443)] });
      const expected = (port: number): string[] =>
        comparable(expectedFilters(first.isolationId, [web(port)], endpoints, agent));
      await until('the task is in force', PATIENCE_MS, async () => sameSet(await held(), expected(443)));
      await administrator.updateTask(task.id, ['settings.exclusions'], { exclusions: [web(8443)] });
      await until('its change is in force', PATIENCE_MS, async () => sameSet(await held(), expected(8443)));

      const openedAt = bfe.dump().version;
      const plans = [defaultExclusions(), [web(443)], [web(8443)]].map((exclusions) =>
        planWith(first.isolationId, exclusions, endpoints),
      );
      for (const dump of history(closedAt, openedAt)) {
        expect(isClosed(heldIn(dump)), `${dump.version}`).to.equal(true);
        expect(leaksIn(dump, FLOWS, plans)).to.deep.equal([]);
      }
      expect(blockedBy(plans, FLOWS)).to.have.length.greaterThan(FLOWS.length / 4);
      await site.done('release', site.device, '--reason', 'case 1 closed', '--yes', '--wait');
      const after = await bfe.refresh();
      expect(after.filters).to.have.length(0);
      expect([...after.providers, ...after.sublayers].filter(({ name }) => name === 'Cordon')).to.have.length(
        0,
      );
      expect(after.errors).to.have.length(0);
    },
  );

  itNeeding(needs, 'stays isolated when it is killed and when Windows restarts', async () => {
    await open();
    const before = await isolate();
    const filters = comparable(await held());
    await bfe.keepHistory(true);
    const { version } = await bfe.refresh();

    await site.killAgent();
    expect(comparable(await held())).to.deep.equal(filters);
    await site.startAgent();
    expect((await isolated()).isolationId).to.equal(before.isolationId);
    expect(comparable(await held())).to.deep.equal(filters);

    await site.killAgent();
    await bfe.reboot('booting');
    const booting = await bfe.refresh();
    const inForce = booting.filters.filter((filter) => filter.inForce);
    expect(inForce.map(({ lifetime }) => lifetime))
      .to.include('boot-time')
      .and.not.include('persistent');
    site.windows.shutDown();
    await bfe.start();
    const running = (await bfe.refresh()).filters.filter((filter) => filter.inForce);
    expect(running.map(({ lifetime }) => lifetime))
      .to.include('persistent')
      .and.not.include('boot-time');
    await site.startAgent();
    expect((await isolated()).isolationId).to.equal(before.isolationId);
    expect(comparable(await held())).to.deep.equal(filters);
    for (const dump of history(version, bfe.dump().version)) {
      expect(isClosed(heldIn(dump)), `${dump.version}`).to.equal(true);
    }
    await site.done('release', site.device, '--reason', 'case 1 closed', '--yes', '--wait');
    expect(await held()).to.have.length(0);
  });

  itNeeding(needs, 'puts back what a stranger deletes, and tells the operator', async () => {
    await open();
    await isolate();
    const filters = comparable(await held());
    const block = (await held()).find(({ action }) => action === 'block');
    const ended = await site.windows.runNode(site.windows.compiled('test/windows/suites/delete-filters.js'), [
      block?.key ?? '',
    ]);
    const startedAt = performance.now();
    expect(ended.stdout, ended.stderr).to.equal('1\n');
    await until('the filter is back', PATIENCE_MS, async () => sameSet(await held(), filters));
    const tookMs = performance.now() - startedAt;
    expect(tookMs).to.be.lessThan(3_000);
    await until('the operator is told', PATIENCE_MS, async () =>
      /device\.tamper/.test(await site.done('audit', 'list', '--device', site.device)),
    );
  });

  itNeeding(
    needs,
    'tells the operator with the name that Windows gives it why nothing is enforced',
    async () => {
      await open();
      await bfe.fail('FwpmTransactionCommit0', TXN_ABORTED, { times: 1000 });
      await site.done('isolate', site.device, '--reason', 'case 1', '--yes');
      await until('the reason is shown', PATIENCE_MS, async () => /FWP_E_TXN_ABORTED/.test(await shown()));
      expect(await held()).to.have.length(0);
      await bfe.clearFaults();
      await isolated();

      // In the middle of a live change: the old filters stay, all of them and in every version.
      const old = comparable(await held());
      await bfe.keepHistory(true);
      const { version } = await bfe.refresh();
      await bfe.fail('FwpmFilterAdd0', OUT_OF_MEMORY, { call: 3, times: 10_000 });
      const target = { $case: 'deviceId' as const, value: site.device };
      await new Administrator(site.client).createTask(target, { exclusions: [web(443), web(8443)] });
      await until('the failed change is shown', PATIENCE_MS, async () =>
        /ERROR_OUTOFMEMORY/.test(await shown()),
      );
      expect(comparable(await held())).to.deep.equal(old);
      await bfe.clearFaults();
      await until('the change is in force', PATIENCE_MS, async () => !sameSet(await held(), old));
      const changed = comparable(await held());
      for (const dump of history(version, bfe.dump().version)) {
        expect([old, changed], `${dump.version}`).to.deep.include(comparable(heldIn(dump)));
      }
      expect(changed.filter((text) => text.includes('intranet'))).to.have.length(4);

      await bfe.stop();
      await until('the engine is missed', PATIENCE_MS, async () =>
        /EPT_S_NOT_REGISTERED/.test(await shown()),
      );
      const { observed } = await site.operator.show();
      expect(observed?.state).not.to.equal(ISOLATED);
      await bfe.start();
      await isolated();
      expect(isClosed(await held())).to.equal(true);
    },
  );

  itNeeding(
    needs,
    'is shown and released at the computer with the exit codes that are promised',
    async () => {
      await open();
      const code = async (...words: string[]): Promise<number | undefined> =>
        (await site.atDevice('isolation', ...words)).code;
      // At once: each is a program that starts.
      const released = [['/show'], ['/disable'], [], ['/what']].map((words) => code(...words));
      expect(await Promise.all(released)).to.deep.equal([0, 9, 1, 4]);
      await isolate();
      const [show, wrong] = await Promise.all([
        site.atDevice('isolation', '/show'),
        code('/disable', '/PWD=wrong'),
      ]);
      expect(show.stdout).to.match(/case 1/);
      expect(wrong, 'no password is set').to.equal(2);
      expect(await code('/disable')).to.equal(0);
      await site.untilDevice('released', ({ observed }) => observed?.state === RELEASED);
      expect(await held()).to.have.length(0);
      await site.killAgent();
      expect(await code('/show'), 'no agent').to.equal(2);
    },
  );

  itNeeding(
    needs,
    'follows the policy while a detection isolates it, and the task once an operator does',
    async () => {
      await open();
      const shownThere = async (): Promise<string> => (await site.atDevice('isolation', '/show')).stdout;
      const administrator = new Administrator(site.client);
      const policy = await administrator.createPolicy({
        displayName: 'everybody',
        groupId: 'root',
        automaticIsolation: true,
        trustedDetectors: ['scanner'],
        settings: { exclusions: [web(1000)] },
      });
      const target = { $case: 'deviceId' as const, value: site.device };
      await administrator.createTask(target, { exclusions: [web(3000)] });
      await until('the settings are there', PATIENCE_MS, async () =>
        /^automatic +(?!off)/m.test(await shownThere()),
      );
      expect(await shownThere()).not.to.match(/intranet/);

      const detection = ['report-detection', '--source', 'scanner', '--rule', 'rule-1'];
      const { code, stdout, stderr } = await site.atDevice(...detection);
      expect([code, stdout.split(':')[0]], stderr).to.deep.equal([0, 'isolated']);
      const automatic = await isolated();
      expect(excludedIn(await held())).to.deep.equal(['intranet 1000']);
      expect(await shownThere())
        .to.match(/intranet 1000/)
        .and.not.match(/intranet 3000/);

      await administrator.updatePolicy(policy.id, ['settings.exclusions'], {
        settings: { exclusions: [web(2000)] },
      });
      await until('the policy is in force', PATIENCE_MS, async () =>
        excludedIn(await held()).includes('intranet 2000'),
      );
      expect(excludedIn(await held())).to.deep.equal(['intranet 2000']);

      const manual = await isolate();
      expect(manual.mode).not.to.equal(automatic.mode);
      await until('the task is in force', PATIENCE_MS, async () =>
        excludedIn(await held()).includes('intranet 3000'),
      );
      expect(excludedIn(await held())).to.deep.equal(['intranet 3000']);
      await site.done('release', site.device, '--reason', 'case 1 closed', '--yes', '--wait');
      expect(await held()).to.have.length(0);
      expect(await shownThere()).not.to.match(/intranet/);
    },
  );

  /** What was committed from one version to another, both included. */
  function* history(from: number, to: number): Generator<BfeDump> {
    for (let version = from; version <= to; version += 1) {
      try {
        yield bfe.dumpOf(version);
      } catch (error) {
        // Versions that were there before history was kept.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }
});

/** Names of the exclusions that filters are for. */
function excludedIn(filters: readonly Filter[]): string[] {
  const names = filters.flatMap(({ name }) => /exclusion "(.*)"/.exec(name)?.[1] ?? []);
  return [...new Set(names)].sort();
}

function sameSet(filters: Parameters<typeof comparable>[0], expected: readonly string[]): boolean {
  return JSON.stringify(comparable(filters)) === JSON.stringify(expected);
}
