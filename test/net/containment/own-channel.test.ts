import { expect } from 'chai';
import {
  canBeAnotherUser,
  canMakeCgroups,
  itNeeding,
  makeCgroup,
  makeServiceCgroup,
  requireNetAdmin,
  type Host,
  type Toolbox,
} from '../site/index.js';
import { AGENT_PORT, ECHO_PORT, FAMILIES, openScene, type Scene } from './scene.js';

requireNetAdmin();

const NOBODY = '65534';
/** A helper service listens here. */
const HELPER_PORT = 5200;

describe('containment: the agent’s own channel', function () {
  this.timeout(60_000);
  let scene: Scene;

  /** What a connection to the server comes to, by IP version. */
  const connect = (tools: Toolbox, port = AGENT_PORT): Promise<string[]> =>
    Promise.all(
      FAMILIES.map(async (family) => {
        const address = scene.site.server[family];
        return (await tools.call('tcpConnect', { address, port })).outcome;
      }),
    );
  /** The stream stands, and the agent can make new connections: the check `server-reachable` makes one. */
  const expectAgentConnects = async (): Promise<void> => {
    const { fleet, device } = scene;
    await fleet.cli('command', 'self-test', device.name, '--wait');
    const { connection, observed } = await fleet.untilCurrent(device.name);
    expect(connection).to.equal('CONNECTION_STATE_ONLINE');
    expect(observed?.evidence?.verification).to.equal('VERIFICATION_VERIFIED');
  };

  itNeeding(
    { met: canMakeCgroups(), why: 'making control groups needs root and a writable cgroup2' },
    'is open to the agent’s control group and to no other program of the same user',
    async () => {
      const group = makeCgroup();
      scene = await openScene({ cgroup: group.folder });
      try {
        const { inside, device } = scene;
        expect(await connect(inside), 'control: before').to.deep.equal(['open', 'open']);
        await scene.isolate();
        expect(await connect(inside), 'another program of root').to.deep.equal(['refused', 'refused']);
        await expectAgentConnects();
        const member = await device.toolsInCgroup(group.folder);
        expect(await connect(member), 'control: a program in the group').to.deep.equal(['open', 'open']);
        await member.close();
        await scene.release();
        expect(await connect(inside), 'control: after').to.deep.equal(['open', 'open']);
      } finally {
        await scene.close();
        group.remove();
      }
    },
  );

  itNeeding(
    { met: canMakeCgroups(), why: 'making control groups needs root and a writable cgroup2' },
    'comes with those of the agent’s helper services, out to anywhere, and of no other program',
    async () => {
      const group = makeServiceCgroup();
      scene = await openScene({ environment: { CORDON_AGENT_HELPER_SERVICES: group.service } });
      try {
        const { inside, beyond, device, outside } = scene;
        const helper = await device.toolsInCgroup(group.folder);
        const reach = async (tools: Toolbox, to: Host): Promise<string[]> =>
          Promise.all(
            FAMILIES.map(async (family) => {
              const target = { address: to[family], port: ECHO_PORT };
              return (await tools.call('tcpConnect', target)).outcome;
            }),
          );
        await helper.call('echo', { port: HELPER_PORT });
        const called = async (): Promise<string> =>
          (await beyond.call('tcpConnect', { address: device.v4, port: HELPER_PORT })).outcome;
        expect(await called(), 'control: before').to.equal('open');
        await scene.isolate();
        expect(await reach(helper, outside), 'the helper').to.deep.equal(['open', 'open']);
        expect(await reach(inside, outside), 'another program').to.deep.equal(['refused', 'refused']);
        expect(await called(), 'somebody who calls the helper').to.equal('refused');
        await helper.close();
      } finally {
        await scene.close();
        group.remove();
      }
    },
  );

  it('is open to the agent’s user, at the server’s ports alone, where there is no control group', async () => {
    scene = await openScene();
    try {
      const { inside, device, site } = scene;
      // bash speaks TCP by itself, and setpriv starts it as somebody else. True: connected.
      const asNobody = (): Promise<boolean[]> =>
        Promise.all(
          FAMILIES.map(async (family) => {
            const dial = `exec 3<>/dev/tcp/${site.server[family]}/${AGENT_PORT}`;
            const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
            return (await device.exec('setpriv', [...user, 'bash', '-c', dial])).code === 0;
          }),
        );
      expect(await connect(inside, ECHO_PORT), 'control: before').to.deep.equal(['open', 'open']);
      if (canBeAnotherUser()) expect(await asNobody(), 'control: before').to.deep.equal([true, true]);
      await scene.isolate();
      expect(await connect(inside), 'the same user').to.deep.equal(['open', 'open']);
      expect(await connect(inside, ECHO_PORT), 'another port').to.deep.equal(['refused', 'refused']);
      if (canBeAnotherUser()) expect(await asNobody(), 'another user').to.deep.equal([false, false]);
      await expectAgentConnects();
    } finally {
      await scene.close();
    }
  });
});
