import { writeFileSync } from 'node:fs';
import { openEngine } from '../../agent/enforce/wfp/engine.js';
import { WfpEnforcer } from '../../agent/enforce/wfp/wfp-enforcer.js';
import { nowMs } from '../statistics.js';
import { emptyDouble } from './empty-double.js';
import { benchContext, planOf } from './filters.js';
import type { ApplyTimes } from './messages.js';

/** Runs under Node for Windows: `EXCLUSIONS ROUNDS FILE`. Writes what each round took as JSON; the first is not counted. */

const TICK_MS = 1;

const [exclusions, rounds, file = ''] = process.argv.slice(2);
const plan = planOf(Number(exclusions));
await emptyDouble();
const enforcer = new WfpEnforcer({
  open: () => openEngine({ name: 'Cordon bench' }),
  contextOf: () => Promise.resolve(benchContext),
  terminate: () => Promise.resolve({ ended: 0, remaining: [] }),
  connections: () => Promise.resolve([]),
});
const times: ApplyTimes = { apply: [], again: [], inspect: [], pause: [] };
for (let round = 0; round <= Number(rounds); round += 1) {
  const pauses = watchPauses();
  const startedAt = nowMs();
  const applied = await enforcer.apply(plan);
  const appliedAt = nowMs();
  await enforcer.apply(plan);
  const againAt = nowMs();
  await enforcer.inspect(applied);
  const inspectedAt = nowMs();
  const pause = pauses.longest();
  await enforcer.clear();
  if (round === 0) continue;
  times.apply.push(appliedAt - startedAt);
  times.again.push(againAt - appliedAt);
  times.inspect.push(inspectedAt - againAt);
  times.pause.push(pause);
}
await enforcer.close();
writeFileSync(file, JSON.stringify(times));

/** How long the event loop was kept from a timer at most, milliseconds. */
function watchPauses(): { readonly longest: () => number } {
  let longest = 0;
  let since = performance.now();
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - since - TICK_MS);
    since = now;
  };
  const timer = setInterval(tick, TICK_MS);
  return {
    longest: () => {
      clearInterval(timer);
      tick();
      return longest;
    },
  };
}
