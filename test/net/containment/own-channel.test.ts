import { expect } from 'chai';
import { canBeAnotherUser, canMakeCgroups, makeCgroup, requireNetAdmin, type Host } from '../site/index.js';
import { FAMILIES, openScene, type Scene } from './scene.js';

requireNetAdmin();

const AGENT_PORT = 7443;
const MANAGEMENT_PORT = 7444;
const NOBODY = 65_534;

describe('containment: the agent’s own channel', function () {
  this.timeout(60_000);

  for (const family of FAMILIES) {
    const serverAddress = ({ v4, v6 }: Host): string => (family === 'v4' ? v4 : `[${v6}]`);
    /** A process of the agent's user on the device, but not in the agent's group. */
    const connect = async ({ inside, site }: Scene, port = AGENT_PORT): Promise<string> =>
      (await inside.call('tcpConnect', { address: site.server[family], port })).outcome;
    /** The stream stands, and the agent can make new connections: the check `server-reachable` makes one. */
    const expectAgentConnects = async ({ fleet, device }: Scene): Promise<void> => {
      await fleet.cli('command', 'self-test', device.name, '--wait');
      const { connection, observed } = await fleet.untilCurrent(device.name);
      expect(connection).to.equal('CONNECTION_STATE_ONLINE');
      expect(observed?.evidence?.verification).to.equal('VERIFICATION_VERIFIED');
    };

    // An ordinary user may not make control groups; there the other test below stands alone.
    if (canMakeCgroups()) {
      it(`is open to the agent’s control group alone, over IP${family}`, async () => {
        const group = makeCgroup();
        const scene = await openScene({ serverAddress, cgroup: group.folder });
        try {
          expect(await connect(scene), 'control: before').to.equal('open');
          await scene.isolate();
          expect(await connect(scene), 'another program of root').to.equal('refused');
          await expectAgentConnects(scene);
          const member = await scene.device.toolsInCgroup(group.folder);
          const address = scene.site.server[family];
          const { outcome } = await member.call('tcpConnect', { address, port: AGENT_PORT });
          expect(outcome, 'control: a program in the group').to.equal('open');
          await member.close();
          await scene.release();
          expect(await connect(scene), 'control: after').to.equal('open');
        } finally {
          await scene.close();
          group.remove();
        }
      });
    }

    it(`is open to the agent’s user and to one port where there is no control group, over IP${family}`, async () => {
      const scene = await openScene({ serverAddress });
      try {
        const { device, site } = scene;
        // bash speaks TCP by itself, and setpriv can start it as somebody else.
        const asNobody = async (): Promise<number> => {
          const dial = `exec 3<>/dev/tcp/${site.server[family]}/${AGENT_PORT}`;
          const nobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
          return (await device.exec('setpriv', [...nobody, 'bash', '-c', dial])).code;
        };
        expect(await connect(scene, MANAGEMENT_PORT), 'control: before').to.equal('open');
        if (canBeAnotherUser()) expect(await asNobody(), 'control: before').to.equal(0);
        await scene.isolate();
        expect(await connect(scene), 'the same user').to.equal('open');
        expect(await connect(scene, MANAGEMENT_PORT), 'another port').to.equal('refused');
        if (canBeAnotherUser()) expect(await asNobody(), 'another user').not.to.equal(0);
        await expectAgentConnects(scene);
      } finally {
        await scene.close();
      }
    });
  }
});
