import { expect } from 'chai';
import { requireNetAdmin, type Host } from '../site/index.js';
import { CLOSED_PORT, ECHO_PORT, FAMILIES, openScene, type Scene } from './scene.js';

requireNetAdmin();

type Observation = Readonly<Record<string, unknown>>;

/** One ping; whether it was answered. */
async function ping(from: Host, to: string): Promise<boolean> {
  return (await from.exec('ping', ['-n', '-c', '1', '-W', '1', to])).code === 0;
}

/** A ping of the device by a host that has to look for the device's link address first, and the device for the host's. */
async function pingStrangers({ device, outside }: Scene, family: 'v4' | 'v6'): Promise<unknown> {
  const flushed = await Promise.all(
    [device, outside].map((host) => host.exec('ip', ['neigh', 'flush', 'all'])),
  );
  const answered = await ping(outside, device[family]);
  const { stdout } = await outside.exec('ip', ['neigh', 'show', device[family]]);
  return { flushed: flushed.every(({ code }) => code === 0), answered, found: stdout.includes('lladdr') };
}

/** What stays as it is while isolated: seen before, during and after. */
async function observe(scene: Scene, family: 'v4' | 'v6'): Promise<Observation> {
  const { device, outside, routed, inside, beyond, behind } = scene;
  const loopback = family === 'v4' ? '127.0.0.1' : '::1';
  const tcp = async (tools: typeof inside, address: string, port = ECHO_PORT): Promise<string> =>
    (await tools.call('tcpConnect', { address, port })).outcome;
  const udp = async (tools: typeof inside, address: string): Promise<boolean> =>
    (await tools.call('udpExchange', { address, port: ECHO_PORT })).answered;
  const closedPort = await beyond.call('tcpConnect', { address: device[family], port: CLOSED_PORT });
  return {
    neighboursFound: await pingStrangers(scene, family),
    pingOfTheDevice: await ping(outside, device[family]),
    closedPort: closedPort.outcome,
    closedPortAtOnce: closedPort.ms < 500,
    loopbackTcp: await tcp(inside, loopback),
    loopbackUdp: await udp(inside, loopback),
    ownAddressTcp: await tcp(inside, device[family]),
    forwardedOutTcp: await tcp(behind, outside[family]),
    forwardedOutUdp: await udp(behind, outside[family]),
    forwardedInTcp: await tcp(beyond, routed[family]),
    forwardedInUdp: await udp(beyond, routed[family]),
  };
}

const EXPECTED: Observation = {
  neighboursFound: { flushed: true, answered: true, found: true },
  pingOfTheDevice: true,
  closedPort: 'refused',
  closedPortAtOnce: true,
  loopbackTcp: 'open',
  loopbackUdp: true,
  ownAddressTcp: 'open',
  forwardedOutTcp: 'open',
  forwardedOutUdp: true,
  forwardedInTcp: 'open',
  forwardedInUdp: true,
};

describe('containment: what stays with the operating system', function () {
  this.timeout(60_000);
  let scene: Scene;

  before(async () => {
    scene = await openScene();
  });
  after(() => scene.close());

  /** What isolation does stop, over the same hosts: shows that the device is, or is not, isolated. */
  const blocked = async (family: 'v4' | 'v6'): Promise<Observation> => {
    const { device, outside, inside, beyond } = scene;
    const [out, back] = await Promise.all([
      inside.call('tcpConnect', { address: outside[family], port: ECHO_PORT }),
      beyond.call('tcpConnect', { address: device[family], port: ECHO_PORT }),
    ]);
    return { out: out.outcome, in: back.outcome, pingByTheDevice: await ping(device, outside[family]) };
  };
  const PASSES: Observation = { out: 'open', in: 'open', pingByTheDevice: true };
  const STOPPED: Observation = { out: 'refused', in: 'refused', pingByTheDevice: false };

  it('works before (control)', async () => {
    for (const family of FAMILIES) {
      expect(await observe(scene, family), family).to.deep.equal(EXPECTED);
      expect(await blocked(family), family).to.deep.equal(PASSES);
    }
  });

  it('works while isolated: ARP, neighbour discovery, ping, reset, loopback, forwarding; also what was under way', async () => {
    const { behind, outside } = scene;
    const streams = await Promise.all(
      FAMILIES.flatMap((family) =>
        (['tcp', 'udp'] as const).map((protocol) =>
          behind.call('startStream', {
            ...{ protocol, address: outside[family], port: ECHO_PORT, intervalMs: 10 },
          }),
        ),
      ),
    );
    await scene.isolate();
    for (const family of FAMILIES) {
      expect(await observe(scene, family), family).to.deep.equal(EXPECTED);
      expect(await blocked(family), family).to.deep.equal(STOPPED);
    }
    for (const stream of streams) {
      const { sent, answered } = await behind.call('stopStream', stream);
      expect(sent).to.be.above(20);
      expect(answered, 'forwarded packets').to.equal(sent);
    }
  });

  it('keeps the management stream: a command goes down and its result comes up', async () => {
    const { fleet, device } = scene;
    await fleet.cli('command', 'self-test', device.name, '--wait');
    const { connection, observed } = await fleet.untilCurrent(device.name);
    expect(connection).to.equal('CONNECTION_STATE_ONLINE');
    expect(observed?.evidence?.verification).to.equal('VERIFICATION_VERIFIED');
  });

  it('works after the release', async () => {
    await scene.release();
    for (const family of FAMILIES) {
      expect(await observe(scene, family), family).to.deep.equal(EXPECTED);
      expect(await blocked(family), family).to.deep.equal(PASSES);
    }
  });
});
