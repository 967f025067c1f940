import { requireNetAdmin } from '../test/net/site/index.js';
import { measureApply } from './apply/apply.js';
import { measureManyExclusions } from './exclusions/apply.js';
import { measureExcludedFlow } from './exclusions/flow.js';
import { measureBroadcast } from './fleet/broadcast.js';
import { print } from './report.js';
import { measureScans } from './scan/scan.js';
import { measureWfp } from './wfp/wfp.js';

/** `npm run bench`: every figure beside a named peer, measured in the same run. */

async function main(): Promise<void> {
  requireNetAdmin();
  console.log('Ratios of this run on this machine; below 1 is better than the peer.\n');
  print(await measureApply({ rounds: 30, exclusions: 0 }));
  print(await measureApply({ rounds: 10, exclusions: 1000 }));
  print(await measureManyExclusions({ exclusions: 10_000, rounds: 7 }));
  // Both, because their difference is what the number of exclusions costs a packet; the rest any packet filter costs.
  print(await measureExcludedFlow({ exclusions: 2, rounds: 7 }));
  print(await measureExcludedFlow({ exclusions: 10_000, rounds: 7 }));
  const wfp = await measureWfp({
    binding: { exclusions: 1000, rounds: 50 },
    apply: [
      { exclusions: 0, rounds: 30 },
      { exclusions: 1000, rounds: 10 },
      { exclusions: 10_000, rounds: 3 },
    ],
  });
  for (const figure of wfp ?? []) print(figure);
  for (const figure of (await measureScans({ indicators: 10_000, rounds: 5 })) ?? []) print(figure);
  print(await measureBroadcast({ agents: 2000, rounds: 5 }));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
