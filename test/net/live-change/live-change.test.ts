import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ApplyStatus, type DesiredState } from '../../../shared/gen/cordon/v1/agent_service.js';
import { Exclusion, ExclusionDirection } from '../../../shared/gen/cordon/v1/exclusion.js';
import {
  IsolationMode,
  IsolationState,
  type IsolationSettings,
  type ObservedIsolation,
} from '../../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../../shared/ids.js';
import { toDuration } from '../../../shared/time.js';
import { isolate, release, settings } from '../../fakes/isolation.js';
import { ECHO_PORT, FAMILIES, sleep, untilAllCross } from '../containment/scene.js';
import { startFlows, type Flows } from '../fleet/flows.js';
import {
  countPackets,
  createSite,
  requireNetAdmin,
  type Host,
  type PacketCounters,
  type Site,
  type Toolbox,
} from '../site/index.js';
import { SteeredAgent } from '../steered/steered-agent.js';
import { SteeredServer } from '../steered/steered-server.js';

requireNetAdmin();

/** The agent as its binary starts it, with a detector of this test. */
const AGENT = [process.execPath, fileURLToPath(new URL('../steered/agent-process.js', import.meta.url))];
const SWAPS_EACH_MODE = 18;
/** Both plans allow it, always. */
const KEPT_PORT = 6001;
/** Taken in turns: each plan allows one of them. */
const TURN_PORTS = [6002, 6003] as const;
const TCP = 6;
const UDP = 17;
const HOUR_MS = 3_600_000;

const port = (number: number): { first: number; last: number }[] => [{ first: number, last: number }];
const exclusion = (name: string, change: Partial<Exclusion>): Exclusion => ({
  ...Exclusion.fromPartial({ name }),
  ...change,
});

/** What passes in one turn: the connections that stay, both ways, and one of the two UDP ports. */
function turn(number: number): IsolationSettings {
  const { EXCLUSION_DIRECTION_INBOUND: IN, EXCLUSION_DIRECTION_OUTBOUND: OUT } = ExclusionDirection;
  return settings({
    releaseDelay: toDuration(HOUR_MS + number * 60_000),
    exclusions: [
      exclusion('kept, opened here', { direction: OUT, protocol: TCP, remotePorts: port(KEPT_PORT) }),
      exclusion('kept, opened there', { direction: IN, protocol: TCP, localPorts: port(KEPT_PORT) }),
      exclusion('taken in turns', {
        direction: OUT,
        protocol: UDP,
        remotePorts: port(TURN_PORTS[number % 2] ?? 0),
      }),
    ],
  });
}

describe('live change of an isolation under continuous traffic', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-live-'));
  let site: Site | undefined;
  let device: Host;
  let server: SteeredServer;
  let agent: SteeredAgent;
  let inside: Toolbox;
  let beyond: Toolbox;
  let flows: Flows;
  let turns: PacketCounters;
  let detect: (reason: string) => Promise<string>;
  let atEnforced: ReadonlyMap<string, number>;
  const kept: { tools: Toolbox; id: number }[] = [];

  before(async () => {
    const made = (site = createSite({ devices: 1, routed: false }));
    [device] = made.devices as [Host];
    server = await SteeredServer.start(made.server);
    agent = await SteeredAgent.enrolled(device, join(folder, 'agent'), server, made.server);
    const child = await agent.start({ program: AGENT });
    detect = async (reason) => {
      const answer = once(child, 'message') as Promise<[{ id: string }]>;
      child.send({ reason, source: 'test detector' });
      return (await answer)[0].id;
    };
    [inside, beyond] = await Promise.all([device.tools(), made.outside.tools()]);
    for (const tools of [inside, beyond]) {
      for (const each of [ECHO_PORT, KEPT_PORT, ...TURN_PORTS]) await tools.call('echo', { port: each });
    }
    flows = await startFlows(device, made.outside, ECHO_PORT, { allowed: [KEPT_PORT, ...TURN_PORTS] });
    turns = await countTurns(made.outside);
    for (const family of FAMILIES) {
      for (const each of TURN_PORTS) {
        const target = { address: made.outside[family], port: each, intervalMs: 5 };
        await inside.call('startStream', { ...target, protocol: 'udp' });
      }
      for (const [tools, to] of [
        [inside, made.outside],
        [beyond, device],
      ] as const) {
        const target = { address: to[family], port: KEPT_PORT, intervalMs: 2 };
        const { id } = await tools.call('startStream', { ...target, protocol: 'tcp' });
        kept.push({ tools, id });
      }
    }
  });
  after(() => {
    site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Behind the filter of the host outside: the flows are counted in front of it. */
  async function countTurns(outside: Host): Promise<PacketCounters> {
    const conditions = FAMILIES.flatMap((family) =>
      TURN_PORTS.map((each) => [
        `turn_${family}_${each}`,
        `${family === 'v4' ? 'ip' : 'ip6'} saddr ${device[family]} udp dport ${each}`,
      ]),
    );
    return countPackets(outside, Object.fromEntries(conditions) as Record<string, string>, 'delivered');
  }

  async function order(
    directive: DesiredState['directive'],
    change: Partial<DesiredState>,
  ): Promise<ObservedIsolation> {
    const { status, observed } = await server.order(agent.deviceId, directive, change);
    expect(status).to.equal(ApplyStatus.APPLY_STATUS_APPLIED);
    if (!observed) throw new Error('nothing is observed');
    return observed;
  }

  const crossed = async (): Promise<Record<string, number>> => Object.fromEntries(await flows.crossed());

  /** Nothing that neither plan allows, and of what one of them allows only that one. */
  async function expectOnlyTurn(number: number): Promise<void> {
    const open = String(TURN_PORTS[number % 2]);
    const before = await turns.read();
    const moved = async (): Promise<string[]> =>
      [...(await turns.read())].flatMap(([name, packets]) =>
        packets > (before.get(name) ?? 0) ? [name] : [],
      );
    const expected = [...before.keys()].filter((name) => name.endsWith(open)).sort();
    await sleep(40);
    let seen = await moved();
    // On a busy computer what may cross needs longer; what may not is watched for as long.
    for (const end = performance.now() + 5_000; performance.now() < end;) {
      if (expected.every((name) => seen.includes(name))) break;
      await sleep(20);
      seen = await moved();
    }
    expect(seen.sort(), `crossed in turn ${number}`).to.deep.equal(expected);
  }

  it('lets every flow cross before (control), and then only what the plan of a detection allows', async () => {
    expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
    await order(undefined, { automaticSettings: turn(0) });
    const id = await detect('a match');
    const observed = await server.until(agent.deviceId, ({ payload }) => {
      const event = payload.$case === 'event' ? payload.value.event : undefined;
      const seen = event?.$case === 'isolationChanged' ? event.value.observed : undefined;
      return seen?.state === IsolationState.ISOLATION_STATE_ISOLATED ? seen : undefined;
    });
    expect(observed).to.include({ isolationId: id, mode: IsolationMode.ISOLATION_MODE_AUTOMATIC });
    atEnforced = await flows.crossed();
    await expectOnlyTurn(0);
  });

  it('lets no packet through that neither plan allows, through changes of exclusions and delay in both modes and of the mode', async () => {
    const isolationId = newId();
    const untils = new Set<bigint | undefined>();
    let swaps = 0;
    const check = async (observed: ObservedIsolation, mode: IsolationMode): Promise<void> => {
      swaps += 1;
      expect(observed.mode).to.equal(mode);
      untils.add(observed.until?.seconds);
      await expectOnlyTurn(swaps);
    };
    while (swaps < SWAPS_EACH_MODE) {
      const observed = await order(undefined, { automaticSettings: turn(swaps + 1) });
      await check(observed, IsolationMode.ISOLATION_MODE_AUTOMATIC);
    }
    while (swaps < 2 * SWAPS_EACH_MODE) {
      const manualSettings = turn(swaps + 1);
      // What automatic mode would allow has no say any more.
      const change = { manualSettings, automaticSettings: turn(swaps) };
      const observed = await order(isolate(isolationId), change);
      await check(observed, IsolationMode.ISOLATION_MODE_MANUAL);
    }
    expect(untils.size, 'each change of the delay moved the end').to.be.above(2 * SWAPS_EACH_MODE - 3);
    expect(await crossed()).to.deep.equal(Object.fromEntries(atEnforced));
  });

  it('cuts no connection that both plans allow, and loses and swaps none of its bytes', async () => {
    for (const { tools, id } of kept) {
      const { sent, answered, connections, outOfOrder } = await tools.call('stopStream', { id });
      expect(sent, 'control').to.be.above(500);
      const whole = { answered: sent, connections: 1, outOfOrder: 0 };
      expect({ answered, connections, outOfOrder }).to.deep.equal(whole);
    }
  });

  it('lets every flow cross again after the release (control)', async () => {
    expect(await crossed()).to.deep.equal(Object.fromEntries(atEnforced));
    await order(release(newId()), {});
    expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
  });
});
