import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { NftablesEnforcer } from '../../agent/enforce/nftables/nftables-enforcer.js';
import { IsolationOwner } from '../../agent/isolation/owner.js';
import { fileStore } from '../../agent/isolation/store.js';
import { systemClock } from '../../shared/clock.js';
import { contentHash } from '../../shared/desired-state.js';
import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { Exclusion, ExclusionDirection } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationAction, IsolationState } from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { fromDuration, toDuration } from '../../shared/time.js';
import type { Times } from '../against-nft.js';
import { nowMs } from '../statistics.js';
import type { ApplyRequest } from './messages.js';

/**
 * Runs inside a device's namespace: the agent's own owner of isolation, with its state on disk and the real packet
 * filter, in turns with a bare `nft -f` of the rules that it wrote.
 */

const run = promisify(execFile);
const TABLE = ['table', 'inet', 'cordon'] as const;
const BOOT_ID = newId();

process.once('message', (request: ApplyRequest) => {
  measure(request).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function measure({ rounds, exclusions }: ApplyRequest): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-bench-'));
  const owner = makeOwner(folder);
  const allowed = exclusions === 0 ? defaultExclusions() : manyExclusions(exclusions);
  const ours: number[] = [];
  const peer: number[] = [];
  let generation = 0n;
  const order = async (action: IsolationAction): Promise<void> => {
    generation += 1n;
    const sinceBootMs = systemClock.sinceBoot();
    const received = { bootId: BOOT_ID, sinceBootMs, wallMs: systemClock.wall() };
    await owner.handle(desiredState(generation, action, allowed), received);
  };
  try {
    await owner.start();
    const rulesFile = join(folder, 'same-rules.nft');
    for (let round = -1; round < rounds; round++) {
      await order(IsolationAction.ISOLATION_ACTION_ISOLATE);
      const { state, enforceLatency } = owner.observed();
      if (state !== IsolationState.ISOLATION_STATE_ISOLATED || !enforceLatency) {
        throw new Error(`the device is not isolated: ${JSON.stringify(owner.observed().degradedReason)}`);
      }
      if (round === -1) {
        const { stdout } = await run('nft', ['list', ...TABLE], { maxBuffer: 64 * 1024 * 1024 });
        writeFileSync(rulesFile, stdout);
      }
      await order(IsolationAction.ISOLATION_ACTION_RELEASE);

      const startedAt = nowMs();
      await run('nft', ['-f', rulesFile]);
      const bareMs = nowMs() - startedAt;
      await run('nft', ['delete', ...TABLE]);
      // The first round warms caches on both sides.
      if (round === -1) continue;
      ours.push(fromDuration(enforceLatency));
      peer.push(bareMs);
    }
    return { ours, peer };
  } finally {
    await owner.stop();
    rmSync(folder, { recursive: true });
  }
}

function makeOwner(folder: string): IsolationOwner {
  return new IsolationOwner({
    clock: systemClock,
    bootId: BOOT_ID,
    log: pino({ level: 'silent' }),
    enforcer: new NftablesEnforcer(),
    store: fileStore(folder),
    lookup: () => Promise.resolve([]),
    // Nothing is measured behind the read-back, so nothing needs to be reachable.
    probe: () => Promise.resolve(false),
    servers: () => [{ address: '192.0.2.1', port: 7443 }],
    canaries: () => [],
    helpers: [],
    tell: () => undefined,
  });
}

function desiredState(generation: bigint, action: IsolationAction, exclusions: Exclusion[]): DesiredState {
  const state = DesiredState.fromPartial({
    generation,
    nonce: generation,
    directive: { id: newId(), action, reason: 'bench', requestedBy: 'bench' },
    manualSettings: { exclusions, releaseDelay: toDuration(8 * 3_600_000) },
  });
  return { ...state, contentHash: contentHash(state) };
}

/** Rules as a large site has them: one server and one port each, IPv4 and IPv6 in turns. */
function manyExclusions(count: number): Exclusion[] {
  return Array.from({ length: count }, (_, index) =>
    Exclusion.fromPartial({
      name: `rule ${index}`,
      direction: ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND,
      protocol: 6,
      remotePorts: [{ first: 1000 + index, last: 1000 + index }],
      remoteAddresses: [
        index % 2 === 0 ? `198.51.${100 + (index >> 8)}.${index & 0xff}` : `2001:db8::${index.toString(16)}`,
      ],
    }),
  );
}
