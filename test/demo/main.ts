import { Fleet } from '../net/fleet/fleet.js';
import { createSite, requireNetAdmin } from '../net/site/index.js';
import { tellOfDetection } from './detection.js';
import { keepRunning } from './keep.js';
import { requireSystemTools } from './requirements.js';
import { tellOfScan } from './scan.js';
import { tellStory } from './story.js';

/** `npm run demo [-- --keep]`: isolates a device of a small site and shows with packets what that does. */

const started = performance.now();
const say = (text: string): void => {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);
};

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((argument) => argument !== '--keep');
  if (unknown.length > 0) {
    console.error(
      `demo: unknown argument ${unknown.join(' ')}; the only one is --keep, which leaves the site running`,
    );
    return 2;
  }
  requireSystemTools();
  requireNetAdmin();

  say('building a site: a server, three devices, an outside host, a host routed by the first device');
  const site = createSite({ devices: 3, routed: true });
  const fleet = new Fleet(site.server, { cordon: 'program' });
  try {
    const byHand = await tellStory(site, fleet, say);
    const byItself = await tellOfDetection(site, fleet, say);
    const byScan = await tellOfScan(site, fleet, say);
    if (args.includes('--keep')) await keepRunning(site, fleet);
    return byHand && byItself && byScan ? 0 : 1;
  } finally {
    await fleet.close();
    site.close();
    say('the site is removed');
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
