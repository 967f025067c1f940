import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fleet } from '../net/fleet/fleet.js';
import type { Site } from '../net/site/index.js';
import { CUT, ECHO_PORT, OPEN, tcp, type Row } from './measure.js';
import { aboutIsolation, emptyTable, measureAll, report, type Measured } from './table.js';

type Say = (text: string) => void;

const TASK = 'demo-scan';
const HARMFUL = 'harmful, for the demo';
/** Port of the host outside that the policy of the second act excludes. */
const POLICY_PORT = 5101;

/**
 * The third act: an IOC scan finds a file by its hash on the third device, the device isolates itself, and the alert says
 * why. True if every promise was kept.
 */
export async function tellOfScan(site: Site, fleet: Fleet, say: Say): Promise<boolean> {
  const [, , device] = site.devices;
  if (!device) throw new Error('the demo needs three devices');
  const folder = join(fleet.dataFolder, 'scanned');
  const document = join(fleet.dataFolder, 'demo.ioc');
  plant(folder, document);
  const measurable = emptyTable(
    (['v4', 'v6'] as const).flatMap((version): Row[] => [
      {
        name: `new TCP out of the device, IP${version}`,
        promised: { before: OPEN, during: CUT, after: OPEN },
        measure: () => tcp(device, site.outside[version], ECHO_PORT),
      },
      {
        name: `excluded by the policy, IP${version}`,
        promised: { before: OPEN, during: OPEN, after: OPEN },
        measure: () => tcp(device, site.outside[version], POLICY_PORT),
      },
    ]),
  );
  const table: Measured[] = [...measurable];
  await measureAll(measurable, 'before');

  const create = ['scan', 'create', TASK, '--document', document, '--device', device.name];
  const settings = ['--area', 'folders', '--folder', folder, '--respond', 'isolate'];
  say(`cordon ${create.join(' ')} ${settings.join(' ')}`);
  await fleet.cli(...create, ...settings);
  say(`cordon scan run ${TASK} --wait`);
  const run = await fleet.tryCli('scan', 'run', TASK, '--wait');
  await measureAll(measurable, 'during');
  const [alert] = (await fleet.json<{ alerts: Alert[] }>('alerts', 'list', '--device', device.name)).alerts;
  if (!alert) throw new Error(`the scan raised no alert:\n${run.stdout}${run.stderr}`);
  say(`cordon alerts show ${alert.id}`);
  console.log(await fleet.cli('alerts', 'show', alert.id));
  say(`cordon release ${device.name} --reason "demo: file removed" --wait`);
  await fleet.cli('release', device.name, '--reason', 'demo: file removed', '--wait');
  await measureAll(measurable, 'after');
  await fleet.cli('alerts', 'close', alert.id, '--comment', 'demo: file removed');

  const fields = alert.iocMatch?.items.flatMap((item) => item.fields) ?? [];
  const path = fields.find(({ term }) => term === 'FileItem/FullPath')?.value ?? 'none';
  table.push(
    aboutIsolation('the alert names the file', /^invoice\.exe$/, path.split('/').at(-1) ?? ''),
    aboutIsolation('what the device did', /^isolate, done$/, alert.responses.map(worded).join('; ')),
  );
  return report(table, say);
}

/** A folder of files, one of which a document names by its hash. */
function plant(folder: string, document: string): void {
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < 500; n += 1) writeFileSync(join(folder, `letter-${n}.txt`), `letter ${n}\n`);
  writeFileSync(join(folder, 'invoice.exe'), HARMFUL);
  const sha256 = createHash('sha256').update(HARMFUL).digest('hex');
  writeFileSync(
    document,
    `<?xml version="1.0" encoding="utf-8"?>
<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="${randomUUID()}" last-modified="2026-11-27T00:00:00Z" published-date="2026-11-27T00:00:00Z">
  <metadata><short_description>Demo: a harmful invoice</short_description><authored_date>2026-11-27T00:00:00Z</authored_date></metadata>
  <criteria>
    <Indicator id="${randomUUID()}" operator="OR">
      <IndicatorItem id="${randomUUID()}" condition="is" preserve-case="false" negate="false">
        <Context document="FileItem" search="FileItem/Sha256sum" type="mir"/>
        <Content type="sha256">${sha256}</Content>
      </IndicatorItem>
    </Indicator>
  </criteria>
</OpenIOC>
`,
  );
}

/** Part of `cordon -o json alerts list`. */
interface Alert {
  readonly id: string;
  readonly iocMatch?: { readonly items: readonly { readonly fields: readonly Field[] }[] };
  readonly responses: readonly Response[];
}

interface Field {
  readonly term: string;
  readonly value: string;
}

interface Response {
  readonly action: string;
  readonly state: string;
}

function worded({ action, state }: Response): string {
  const word = (name: string, prefix: string): string => name.replace(prefix, '').toLowerCase();
  return `${word(action, 'RESPONSE_ACTION_')}, ${word(state, 'RESPONSE_STATE_')}`;
}
