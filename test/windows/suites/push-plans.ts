import { readFileSync, writeFileSync } from 'node:fs';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { filtersOf } from '../../../agent/enforce/wfp/filters.js';
import { swap } from '../../../agent/enforce/wfp/swap.js';
import { OWN_LAYERS } from '../../../agent/enforce/wfp/system-filters.js';
import { WINDOWS } from '../../vectors/scene.js';
import type { Vector } from '../../vectors/vector.js';
import { InsideBfe } from './inside-bfe.js';
import { verdictsOf } from '../verdicts.js';

/** What one plan came to. */
export interface Pushed {
  /** Filters that were read back. */
  readonly filters: number;
  /** Of the plan's flows, under the filters that were read back. */
  readonly verdicts: readonly string[];
}

/**
 * Runs under Node for Windows: puts the filters of one plan after the other into the engine, each in place of those before
 * in one transaction, and reads them back. The double keeps a version for each. First argument: file of vectors. Second: where an array of Pushed goes.
 */
const [input = '', output = ''] = process.argv.slice(2);
const vectors = JSON.parse(readFileSync(input, 'utf8')) as Vector[];
const bfe = await InsideBfe.open();
bfe.control('journal off', 'history on');
const engine = await openEngine({ name: 'replay of plans' });
const pushed: Pushed[] = [];
for (const { plan, flows } of vectors) {
  await engine.transaction((objects) => swap(objects, filtersOf(plan, WINDOWS).filters));
  const filters = (await Promise.all(OWN_LAYERS.map((layer) => engine.filters(layer)))).flat();
  const verdicts = verdictsOf(filters, await engine.sublayers(), flows, 'run');
  pushed.push({ filters: filters.length, verdicts });
}
await engine.close();
writeFileSync(output, JSON.stringify(pushed));
