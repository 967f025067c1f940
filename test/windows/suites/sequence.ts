import { readFileSync } from 'node:fs';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { filtersOf } from '../../../agent/enforce/wfp/filters.js';
import { readHoldings } from '../../../agent/enforce/wfp/holdings.js';
import { OBJECTS_DACL } from '../../../agent/enforce/wfp/own-objects.js';
import type { Filter } from '../../../agent/enforce/wfp/types.js';
import { WfpEnforcer } from '../../../agent/enforce/wfp/wfp-enforcer.js';
import { windowsParts } from '../../../agent/enforce/wfp/windows-parts.js';
import { WINDOWS } from '../../vectors/scene.js';
import type { Vector } from '../../vectors/vector.js';
import { InsideBfe } from './inside-bfe.js';

/** A line of the output: the version at which a step begins. */
export interface Begun {
  /** Last one: `end`. */
  readonly step: string;
  readonly version: number;
}

/**
 * Runs under Node for Windows: steps of an agent's life on the library of Windows, each told before it begins. First
 * argument: file of vectors, whose plans are meant by their numbers. The others, a step each:
 *   apply N      what the agent does to isolate, to change a plan and to repair it
 *   failing N    the same, and the commit fails
 *   hanging N    the same, and the commit takes a minute: to be killed within
 *   release      nothing is left
 *   stranger     another program deletes the blocks for everything
 *   two-steps N  wrong on purpose: filters go in one transaction and come back in another
 *   no-boot N    wrong on purpose: filters of boot time go first and come back in another transaction
 */
const [input = '', ...steps] = process.argv.slice(2);
const vectors = JSON.parse(readFileSync(input, 'utf8')) as Vector[];
const bfe = await InsideBfe.open();
bfe.control('clear-faults', 'journal off', 'history on');
const enforcer = new WfpEnforcer({ ...windowsParts, contextOf: () => Promise.resolve(WINDOWS) });
for (const step of steps) {
  tell(step);
  const [what = '', number = '0'] = step.split(' ');
  const plan = vectors[Number(number)]?.plan;
  if (plan === undefined) throw new Error(`there is no plan ${number}`);
  switch (what) {
    case 'apply':
      await enforcer.apply(plan);
      break;
    case 'failing': {
      bfe.control('fail FwpmTransactionCommit0 1 0x8032000f 100');
      const failed = await enforcer.apply(plan).catch((error: unknown) => error);
      bfe.control('clear-faults');
      if (!(failed instanceof Error) || !failed.message.includes('FWP_E_TXN_ABORTED')) throw failed;
      break;
    }
    case 'hanging':
      bfe.control('delay FwpmTransactionCommit0 1 60000');
      await enforcer.apply(plan);
      break;
    case 'release':
      await enforcer.clear();
      break;
    case 'stranger':
      await replace((filter) => filter.action === 'block', []);
      break;
    case 'two-steps':
      await replace(() => true, filtersOf(plan, WINDOWS).filters);
      break;
    case 'no-boot': {
      const { filters } = filtersOf(plan, WINDOWS);
      const atBoot = filters.filter(({ lifetime }) => lifetime === 'boot-time');
      await replace(({ lifetime }) => lifetime === 'boot-time', atBoot);
      break;
    }
    default:
      throw new Error(`there is no step ${what}`);
  }
}
await enforcer.close();
tell('end');

function tell(step: string): void {
  console.log(JSON.stringify({ step, version: bfe.dump().version } satisfies Begun));
}

/** One transaction takes filters away, the next one puts others there. */
async function replace(gone: (filter: Filter) => boolean, come: readonly Filter[]): Promise<void> {
  const engine = await openEngine({ name: 'somebody else' });
  const { filters } = await readHoldings(engine);
  const keys = filters.flatMap(({ filter }) => (filter !== undefined && gone(filter) ? [filter.key] : []));
  await engine.transaction((objects) => objects.deleteFilters(keys));
  if (come.length > 0) await engine.transaction((objects) => objects.addFilters(come, OBJECTS_DACL));
  await engine.close();
}
