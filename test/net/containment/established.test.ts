import { expect } from 'chai';
import { requireNetAdmin, type Toolbox } from '../site/index.js';
import { ECHO_PORT, FAMILIES, openScene, sleep, type Scene } from './scene.js';

requireNetAdmin();

/** Both ends must learn of it within this time from "enforced", milliseconds. */
const LIMIT_MS = 1_000;

/** One end of a connection: how it is found among the ends that a host has seen. */
interface End {
  readonly what: string;
  readonly tools: Toolbox;
  readonly side: 'held' | 'accepted';
  /** Number of a held connection; port of the peer of an accepted one. */
  readonly key: number;
}

describe('containment: established connections', function () {
  this.timeout(60_000);
  let scene: Scene;

  before(async () => {
    scene = await openScene();
  });
  after(() => scene.close());

  const hold = async (what: string, from: Toolbox, to: Toolbox, address: string): Promise<End[]> => {
    const { id, localPort } = await from.call('hold', { address, port: ECHO_PORT });
    return [
      { what: `${what}, end that opened it`, tools: from, side: 'held', key: id },
      { what: `${what}, end that accepted it`, tools: to, side: 'accepted', key: localPort },
    ];
  };
  /** When an end saw its connection end, wall clock; undefined: it is still open. */
  const endedAt = async ({ tools, side, key }: End): Promise<number | undefined> => {
    const { ends } = await tools.call('ends', {});
    return ends.find((end) => end.side === side && (side === 'held' ? end.id : end.peerPort) === key)?.at;
  };

  it('are gone on both ends within a second of enforcement, over both IP versions, whoever opened them', async () => {
    const { device, outside, routed, inside, beyond, behind, fleet } = scene;
    const doomed: End[] = [];
    const spared: End[] = [];
    for (const family of FAMILIES) {
      doomed.push(...(await hold(`IP${family} out`, inside, beyond, outside[family])));
      doomed.push(...(await hold(`IP${family} in`, beyond, inside, device[family])));
      spared.push(...(await hold(`IP${family} forwarded`, behind, beyond, outside[family])));
      spared.push(...(await hold(`IP${family} forwarded back`, beyond, behind, routed[family])));
      spared.push(...(await hold(`IP${family} to itself`, inside, inside, device[family])));
    }
    await sleep(200);
    for (const end of [...doomed, ...spared]) {
      expect(await endedAt(end), `control: ${end.what} before`).to.equal(undefined);
    }

    await scene.isolate();
    const { isolations } = await fleet.json<{ isolations: { enforcedAt: string }[] }>(
      ...['isolations', 'list', '--device', device.name],
    );
    const enforcedAt = Date.parse(isolations[0]?.enforcedAt ?? '');
    await sleep(Math.max(0, enforcedAt + LIMIT_MS - Date.now()));
    for (const end of doomed) {
      const at = await endedAt(end);
      expect(at, `${end.what} is still open`).to.be.a('number');
      expect((at ?? Infinity) - enforcedAt, end.what).to.be.below(LIMIT_MS);
    }
    for (const end of spared) expect(await endedAt(end), end.what).to.equal(undefined);

    const { observed } = await fleet.untilCurrent(device.name);
    expect(observed?.evidence?.verification).to.equal('VERIFICATION_VERIFIED');
  });
});
