import { win32 } from 'node:path';
import { isLoopback, programIs, tokenHas } from '../../enforce/wfp/conditions.js';
import { findOverrulers } from '../../enforce/wfp/overrulers.js';
import { serviceSid, sidText } from '../../windows/sid.js';
import { layerOf } from '../../enforce/wfp/system-filters.js';
import type { Condition } from '../../enforce/wfp/types.js';
import { processSid } from '../../windows/process-identity.js';
import { systemFolder } from '../../windows/library.js';
import { fail, pass, type Check, type Outcome } from '../check.js';
import { Listener, arrives, inWords, type Attempt, type Family } from '../loopback.js';
import { tcpAt, tcpTo } from './conditions.js';
import { openScratchEngine } from './open.js';
import { withDynamic, type Scratch } from './scratch.js';

const NOT_ENFORCED =
  'do not isolate this computer with Cordon: its filter engine takes filters and does not follow them; send this line with a report';

/** Filters that are in force, and two places that listen: one that the filters are about, and one that they are not. */
interface Scene {
  readonly scratch: Scratch;
  readonly meant: Listener;
  readonly control: Listener;
}

async function onScene(family: Family, work: (scene: Scene) => Promise<Outcome>): Promise<Outcome> {
  const meant = await Listener.open(family);
  const control = await Listener.open(family);
  try {
    for (const listener of [meant, control]) {
      const open = await listener.attempt();
      if (open.kind === 'connected') continue;
      return fail(
        `before any filter of the self-test ${inWords(open)}`,
        'find out what blocks loopback on this computer; while it does, this check proves nothing',
      );
    }
    return await withDynamic((scratch) => work({ scratch, meant, control }));
  } finally {
    meant.close();
    control.close();
  }
}

/** @param expected what a program must see at the blocked place */
async function judge({ meant, control }: Scene, expected: (attempt: Attempt) => boolean): Promise<Outcome> {
  const blocked = await meant.attempt();
  const beside = await control.attempt();
  if (beside.kind !== 'connected') {
    return fail(`at a port that no filter names ${inWords(beside)}`, 'send this line with a report');
  }
  if (expected(blocked)) return pass(`${inWords(blocked)}, and another port is open`);
  return fail(
    inWords(blocked),
    blocked.kind === 'connected'
      ? NOT_ENFORCED
      : 'it is blocked, but programs see something else than the manual says',
  );
}

const blockedConnect = (family: Family): Promise<Outcome> =>
  onScene(family, async (scene) => {
    const { scratch, meant } = scene;
    await scratch.engine.addFilters([scratch.filter(layerOf('out', family), tcpTo(meant.port))]);
    // WSAEACCES, 10013.
    return judge(scene, (attempt) => attempt.kind === 'failed' && attempt.code === 'EACCES');
  });

const blockedAccept = (family: Family): Promise<Outcome> =>
  onScene(family, async (scene) => {
    const { scratch, meant } = scene;
    await scratch.engine.addFilters([scratch.filter(layerOf('in', family), tcpAt(meant.port))]);
    return judge(scene, (attempt) => attempt.kind === 'silent');
  });

const loopbackFlag = (family: Family): Promise<Outcome> =>
  onScene(family, async ({ scratch, meant }) => {
    const layers = [
      { layer: layerOf('out', family), conditions: tcpTo(meant.port) },
      { layer: layerOf('in', family), conditions: tcpAt(meant.port) },
    ];
    const permits = layers.map(({ layer, conditions }) =>
      scratch.filter(layer, [...conditions, isLoopback()], {
        action: 'permit',
        hard: false,
        weight: { kind: 'class', value: 14 },
      }),
    );
    await scratch.engine.addFilters([
      ...layers.map(({ layer, conditions }) => scratch.filter(layer, conditions)),
      ...permits,
    ]);
    const passing = await meant.attempt();
    await scratch.engine.deleteFilters(permits.map(({ key }) => key));
    const blocked = await meant.attempt();
    if (blocked.kind === 'connected') return fail('without a permit it connects all the same', NOT_ENFORCED);
    if (passing.kind === 'connected')
      return pass('with the flag it connects, without the permit it does not');
    return fail(
      `with a permit for loopback ${inWords(passing)}`,
      'do not isolate this computer: programs on it could not talk to each other',
    );
  });

const openConnection = (family: Family): Promise<Outcome> =>
  onScene(family, async ({ scratch, meant, control }) => {
    const doomed = await meant.pair();
    const spared = await control.pair();
    await scratch.engine.addFilters([
      scratch.filter(layerOf('out', family), tcpTo(meant.port)),
      scratch.filter(layerOf('in', family), tcpAt(meant.port)),
    ]);
    if (!(await arrives(spared.client, spared.server))) {
      return fail('a connection that no filter names has stopped', 'send this line with a report');
    }
    if (await arrives(doomed.client, doomed.server)) {
      return fail(
        'bytes still arrive',
        'connections that are open when an isolation starts must be ended: see that tcp-end-v4 and tcp-end-v6 pass',
      );
    }
    return pass('nothing arrives on it any more, and on another one it does');
  });

/** A permit with `wanted` must let this process pass, one with `others` must not. */
const permitOfOne = (what: string, wanted: Condition, others: Condition): Promise<Outcome> =>
  onScene(4, async ({ scratch, meant }) => {
    const permit = (condition: Condition) =>
      scratch.filter('ALE_AUTH_CONNECT_V4', [...tcpTo(meant.port), condition], {
        action: 'permit',
        weight: { kind: 'class', value: 15 },
      });
    const block = scratch.filter('ALE_AUTH_CONNECT_V4', tcpTo(meant.port));
    await scratch.engine.addFilters([block, permit(others)]);
    const withOthers = await meant.attempt();
    if (withOthers.kind === 'connected')
      return fail('the permit of another one lets it connect', NOT_ENFORCED);
    await scratch.engine.addFilters([permit(wanted)]);
    const withOwn = await meant.attempt();
    if (withOwn.kind === 'connected') return pass(`this process passes by the permit for ${what} alone`);
    return fail(
      `with a permit for ${what} ${inWords(withOwn)}`,
      'do not isolate this computer: the agent would not reach its server',
    );
  });

async function program(): Promise<Outcome> {
  const engine = await openScratchEngine({ dynamic: true });
  try {
    const own = await engine.appId(process.execPath);
    const other = await engine.appId(win32.join(await systemFolder(), 'svchost.exe'));
    if (!own || !other) return fail('a program file has no AppId', 'send this line with a report');
    return await permitOfOne(process.execPath, programIs(own), programIs(other));
  } finally {
    await engine.close();
  }
}

async function account(): Promise<Outcome> {
  const own = await processSid();
  return permitOfOne(sidText(own), tokenHas(own), tokenHas(serviceSid('cordon-nobody')));
}

/** One sublayer permits what one of the same weight blocks. What comes of it is not documented. */
async function permitted(scratch: Scratch, meant: Listener, permitFirst: boolean): Promise<boolean> {
  const { engine } = scratch;
  const first = scratch.anotherSublayer();
  const second = scratch.anotherSublayer();
  for (const sublayer of [first, second]) await engine.addSublayer(sublayer);
  const filters = [first, second].map(({ key }, index) =>
    scratch.filter(layerOf('out', 4), tcpTo(meant.port), {
      sublayer: key,
      action: (index === 0) === permitFirst ? 'permit' : 'block',
    }),
  );
  await engine.addFilters(filters);
  const attempt = await meant.attempt();
  await engine.deleteFilters(filters.map(({ key }) => key));
  return attempt.kind === 'connected';
}

const equalSublayers = (): Promise<Outcome> =>
  onScene(4, async ({ scratch, meant }) => {
    const older = await permitted(scratch, meant, true);
    const newer = await permitted(scratch, meant, false);
    if (!older && !newer) return pass('the block wins, whichever sublayer is older');
    const which = older && newer ? 'older or newer' : older ? 'older' : 'newer';
    return fail(
      `a hard permit of another sublayer of the same weight wins where that one is ${which}`,
      'see that "cordon-agent self-test wfp-foreign-permits" passes: it lists other products that could do so',
    );
  });

async function foreignPermits(): Promise<Outcome> {
  const engine = await openScratchEngine({ dynamic: true });
  try {
    const found = await findOverrulers(engine);
    if (found.length === 0) return pass('there is none');
    return fail(
      `${found.length} of them; ${found[0]}`,
      'remove that product, or take what it permits for excluded: it may pass while isolated',
    );
  } finally {
    await engine.close();
  }
}

const both = (
  name: string,
  claim: (family: Family) => string,
  run: (family: Family) => Promise<Outcome>,
): readonly Check[] =>
  ([4, 6] as const).map((family) => ({
    name: `${name}-v${family}`,
    platform: 'win32',
    claim: claim(family),
    run: () => run(family),
  }));

export const trafficChecks: readonly Check[] = [
  ...both(
    'wfp-block-connect',
    (family) => `a program that connects over IPv${family} against a block is refused at once (WSAEACCES)`,
    blockedConnect,
  ),
  ...both(
    'wfp-block-accept',
    (family) => `a connection over IPv${family} that a block keeps out gets no answer`,
    blockedAccept,
  ),
  ...both(
    'wfp-loopback',
    (family) => `a permit for loopback over IPv${family} wins against a block of a lower weight`,
    loopbackFlag,
  ),
  ...both(
    'wfp-open-connection',
    (family) => `a connection over IPv${family} that was open before a block carries nothing afterwards`,
    openConnection,
  ),
  {
    name: 'wfp-program',
    platform: 'win32',
    claim: 'a permit for one program lets that program pass, and no other one',
    run: program,
  },
  {
    name: 'wfp-account',
    platform: 'win32',
    claim: 'a permit for one service or user lets its processes pass, and no other ones',
    run: account,
  },
  {
    name: 'wfp-equal-sublayers',
    platform: 'win32',
    claim: 'a block wins against a hard permit in another sublayer of the same weight',
    run: equalSublayers,
  },
  {
    name: 'wfp-foreign-permits',
    platform: 'win32',
    claim: 'no other product has hard permits in a sublayer of the highest weight',
    run: foreignPermits,
  },
];
