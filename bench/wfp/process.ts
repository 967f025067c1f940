import { writeFileSync } from 'node:fs';
import { openEngine } from '../../agent/enforce/wfp/engine.js';
import { nowMs } from '../statistics.js';
import { benchFilters } from './filters.js';

/** Runs under Node for Windows: `EXCLUSIONS ROUNDS FILE`. Writes the milliseconds of each round as JSON. */

const [exclusions, rounds, file = ''] = process.argv.slice(2);
const filters = benchFilters(Number(exclusions));
const engine = await openEngine({ name: 'Cordon bench' });
const times: number[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const startedAt = nowMs();
  await engine.transaction((objects) => objects.addFilters(filters));
  times.push(nowMs() - startedAt);
}
await engine.close();
writeFileSync(file, JSON.stringify(times));
