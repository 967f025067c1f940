import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readRenderContext } from '../../agent/enforce/nftables/cgroups.js';
import { NftablesEnforcer } from '../../agent/enforce/nftables/nftables-enforcer.js';
import { renderPlan } from '../../agent/enforce/nftables/render.js';
import type { Times } from '../against-nft.js';
import { nowMs } from '../statistics.js';
import { benchPlan } from './many.js';
import type { ApplyManyRequest } from './messages.js';

/** Runs inside a device's namespace: compile, apply and read back, in turns with a bare `nft -f` of the same rules. */

const run = promisify(execFile);

process.once('message', (request: ApplyManyRequest) => {
  measure(request).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function measure({ exclusions, rounds }: ApplyManyRequest): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-bench-'));
  const rulesFile = join(folder, 'same-rules.nft');
  const enforcer = new NftablesEnforcer();
  const ours: number[] = [];
  const peer: number[] = [];
  try {
    writeFileSync(rulesFile, renderPlan(benchPlan(exclusions), readRenderContext()).text);
    await enforcer.clear();
    for (let round = -1; round < rounds; round++) {
      const startedAt = nowMs();
      const { unsupported } = await enforcer.apply(benchPlan(exclusions));
      const tookMs = nowMs() - startedAt;
      if (unsupported.length > 0) throw new Error(`not enforced: ${unsupported[0]?.name}`);
      await enforcer.clear();

      const bareAt = nowMs();
      await run('nft', ['-f', rulesFile]);
      const bareMs = nowMs() - bareAt;
      await enforcer.clear();
      // The first round warms caches on both sides.
      if (round === -1) continue;
      ours.push(tookMs);
      peer.push(bareMs);
    }
    return { ours, peer };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
