import { writeFileSync } from 'node:fs';
import { openEngine } from '../../agent/enforce/wfp/engine.js';
import { OBJECTS_DACL, PROVIDER, SUBLAYER } from '../../agent/enforce/wfp/own-objects.js';
import { nowMs } from '../statistics.js';
import { emptyDouble } from './empty-double.js';
import { benchFilters } from './filters.js';

/** Runs under Node for Windows: `EXCLUSIONS ROUNDS FILE`. Writes the milliseconds of each round as JSON. */

const [exclusions, rounds, file = ''] = process.argv.slice(2);
const filters = benchFilters(Number(exclusions));
await emptyDouble();
const engine = await openEngine({ name: 'Cordon bench' });
const times: number[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const startedAt = nowMs();
  await engine.transaction(async (objects) => {
    await objects.addProvider(PROVIDER, OBJECTS_DACL);
    await objects.addSublayer(SUBLAYER, OBJECTS_DACL);
    await objects.addFilters(filters, OBJECTS_DACL);
  });
  times.push(nowMs() - startedAt);
  await engine.transaction(async (objects) => {
    await objects.deleteFilters(filters.map(({ key }) => key));
    await objects.deleteSublayer(SUBLAYER.key);
    await objects.deleteProvider(PROVIDER.key);
  });
}
await engine.close();
writeFileSync(file, JSON.stringify(times));
