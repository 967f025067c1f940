import { expect } from 'chai';
import { IsolationState, type ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { itNeeding } from '../net/site/it-needing.js';
import { AgentSite } from './agent-site.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import { Wine, wine } from './wine.js';

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;

const simulates = (observed: ObservedIsolation | undefined): boolean =>
  observed?.isolationId !== '' && observed?.degradedReason.startsWith('simulation') === true;

describe('the agent on Windows without a packet filter', function () {
  this.timeout(240_000);
  let site: AgentSite | undefined;
  afterEach(() => site?.close());

  itNeeding(
    wine,
    'enrols, is isolated and released in simulation, and comes back after its end',
    async () => {
      site = await AgentSite.open({ enforcer: 'recording' });
      // As it is installed: everything else starts it from a bundle, which is quicker.
      await site.startAgent('installed');
      await site.done('isolate', site.device, '--reason', 'case 1', '--yes');
      const isolated = await site.untilDevice('isolated', ({ observed }) => simulates(observed));
      await site.killAgent();
      await site.startAgent();
      const back = await site.untilDevice('isolated again', ({ observed }) => simulates(observed));
      expect(back.observed?.isolationId).to.equal(isolated.observed?.isolationId);
      await site.done('release', site.device, '--reason', 'case 1 closed', '--yes', '--wait');
      const released = await site.operator.show();
      expect(released.observed?.state).to.equal(IsolationState.ISOLATION_STATE_RELEASED);
    },
  );
});

describe('the agent on Windows that cannot enrol', function () {
  this.timeout(300_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(needs, 'says what it lacks, and nothing else, and ends', async () => {
    windows = Wine.make();
    BfeDouble.install(windows);
    for (const enforcer of ['recording', 'wfp']) {
      const words = ['run', '--server', '127.0.0.1:1', '--enforcer', enforcer];
      const { code, stderr } = await windows.runNode(windows.compiled('agent/main.js'), words);
      expect(stderr).to.match(/^cordon-agent: enrollment_token: missing; .*\n$/);
      expect(code).to.equal(2);
    }
  });
});
