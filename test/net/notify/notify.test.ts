import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { newId } from '../../../shared/ids.js';
import { toDuration } from '../../../shared/time.js';
import { isolate, release, settings } from '../../fakes/isolation.js';
import { LoginTerminal, TERMINALS } from '../../fakes/login-terminal.js';
import { until } from '../../fault/until.js';
import { createSite, itNeeding, requireNetAdmin, type Site } from '../site/index.js';
import { SteeredAgent, type AgentStart } from '../steered/steered-agent.js';
import { SteeredServer } from '../steered/steered-server.js';

requireNetAdmin();

const HOUR_MS = 3_600_000;
/** Nothing here takes longer, also on a busy computer. */
const SOON_MS = 8_000;

describe('what the person at an isolated computer sees', function () {
  this.timeout(40_000);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-people-'));
  let site: Site | undefined;
  let terminal: LoginTerminal | undefined;

  after(() => {
    terminal?.close();
    site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  itNeeding(
    TERMINALS,
    'is the text of the policy, the reason and the end, once for each change that matters',
    async () => {
      const { server: host, devices } = (site = createSite({ devices: 1, routed: false }));
      const [device] = devices;
      if (!device) throw new Error('the site has no device');
      const server = await SteeredServer.start(host);
      const screen = (terminal = await LoginTerminal.open(join(folder, 'terminal')));
      const agent = await SteeredAgent.enrolled(device, join(folder, 'agent'), server, host);
      const start: AgentStart = {
        wrapper: screen.loggedIn,
        environment: { CORDON_AGENT_NOTIFY_USERS: 'true', TZ: 'UTC' },
      };
      const titles = (): string[] => screen.printed.match(/(?<=Cordon: ).*?(?=\s*[\r\n])/g) ?? [];
      const ON = 'This computer is isolated from the network';
      const CHANGED = 'The network isolation of this computer has changed';
      const OFF = 'This computer is back on the network';
      const directive = isolate(newId(), { reason: 'case \u001b[2J4711' });
      const lasting = (hours: number, notificationText = 'Call the help desk.'): object => ({
        manualSettings: settings({ releaseDelay: toDuration(hours * HOUR_MS), notificationText }),
      });

      await agent.start(start);
      await server.order(agent.deviceId, directive, lasting(1));
      await until('the isolation', SOON_MS, () => /Until: .* UTC/.test(screen.printed));
      expect(screen.printed).to.contain('Call the help desk.').and.to.contain('Reason: case [2J4711');
      expect(screen.printed).to.contain('Isolated by: ann');
      expect(screen.printed).not.to.contain('\u001b');
      // Other settings and a new agent are no news; another end is.
      await server.order(agent.deviceId, directive, lasting(1, 'Call somebody else.'));
      await agent.kill();
      await agent.start(start);
      await server.order(agent.deviceId, directive, lasting(2));
      await until('the change', SOON_MS, () => titles().length > 1);
      await server.order(agent.deviceId, release(newId()), lasting(2));
      await until('the release', SOON_MS, () => screen.printed.includes('an operator released it'));
      expect(titles()).to.deep.equal([ON, CHANGED, OFF]);
    },
  );
});
