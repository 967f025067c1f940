import type { Fleet } from '../net/fleet/fleet.js';
import type { Host, Site } from '../net/site/index.js';
import { CUT, ECHO_PORT, OPEN, tcp, type Row } from './measure.js';
import { aboutIsolation, emptyTable, measureAll, report, type Measured } from './table.js';

type Say = (text: string) => void;

const POLICY = 'demo';
const DETECTOR = 'scanner';
const PASSWORD = 'open sesame';
/** Ports of the host outside: one is excluded by the policy, one by the task of the device. */
const POLICY_PORT = 5101;
const TASK_PORT = 5102;

/**
 * The second act: the second device isolates itself for what another tool on it has found, and its administrator releases
 * it with the password of the policy. True if every promise was kept.
 */
export async function tellOfDetection(site: Site, fleet: Fleet, say: Say): Promise<boolean> {
  const [, device] = site.devices;
  if (!device) throw new Error('the demo needs two devices');
  await configure(site, fleet, device, say);
  const measurable = emptyTable(rows(site, device));
  const table: Measured[] = [...measurable];
  await measureAll(measurable, 'before');

  const detection = ['report-detection', '--source', DETECTOR, '--rule', 'demo-1'];
  say(`on ${device.name}: cordon-agent ${detection.join(' ')}`);
  const detected = await fleet.atDevice(device, detection);
  await measureAll(measurable, 'during');
  say(`on ${device.name}: cordon-agent isolation /show, then /disable without and with the password`);
  const [shown, refused] = await Promise.all([
    fleet.atDevice(device, ['isolation', '/show', '--json']),
    fleet.atDevice(device, ['isolation', '/disable']),
  ]);
  const released = await fleet.atDevice(device, ['isolation', '/disable', '/PWD=-'], `${PASSWORD}\n`);
  await measureAll(measurable, 'after');

  table.push(
    aboutIsolation('detection reported', /^isolated/, detected.stdout.split(':')[0] ?? ''),
    aboutIsolation('/show says', /^automatic, exclusions: 1$/, showsAs(shown.stdout)),
    aboutIsolation('/disable, without password', /^exit code 1$/, `exit code ${refused.code}`),
    aboutIsolation('/disable, with password', /^exit code 0$/, `exit code ${released.code}`),
    {
      row: {
        name: 'history: mode, who, ended by',
        promised: { before: /^$/, during: /^automatic, scanner$/, after: /^local:root$/ },
      },
      cells: { before: '', ...(await historyOf(fleet, device)) },
    },
  );
  return report(table, say);
}

async function configure({ outside }: Site, fleet: Fleet, device: Host, say: Say): Promise<void> {
  const passes = (name: string, port: number): object[] => [
    { name, direction: 'outbound', protocol: 'tcp', remote_ports: [port] },
  ];
  say('cordon policy apply -f policy.json: automatic isolation, one exclusion; cordon policy set-password');
  await fleet.apply('policy', {
    name: POLICY,
    group: 'root',
    automatic_isolation: true,
    trusted_detectors: [DETECTOR],
    exclusions: passes('of the policy', POLICY_PORT),
  });
  await fleet.tryCliWith(`${PASSWORD}\n`, 'policy', 'set-password', POLICY, '--stdin');
  say(`cordon task apply -f task.json: manual isolation of ${device.name}, another exclusion`);
  await fleet.apply('task', { device: device.name, exclusions: passes('of the task', TASK_PORT) });
  await fleet.untilCurrent(device.name);
  const tools = await outside.tools();
  for (const port of [POLICY_PORT, TASK_PORT]) await tools.call('echo', { port });
}

function rows({ outside }: Site, device: Host): Row[] {
  return [
    { name: 'excluded by the policy', port: POLICY_PORT, during: OPEN },
    { name: 'excluded by the task', port: TASK_PORT, during: CUT },
    { name: 'excluded by neither', port: ECHO_PORT, during: CUT },
  ].flatMap(({ name, port, during }) =>
    (['v4', 'v6'] as const).map((version) => ({
      name: `${name}, TCP out, IP${version}`,
      promised: { before: OPEN, during, after: OPEN },
      measure: () => tcp(device, outside[version], port),
    })),
  );
}

/** Mode and exclusions in force, out of the JSON of `/show`. */
function showsAs(json: string): string {
  const { observed, exclusions } = JSON.parse(json) as {
    observed?: { mode?: string };
    exclusions?: unknown[];
  };
  const mode = (observed?.mode ?? 'none').replace('ISOLATION_MODE_', '').toLowerCase();
  return `${mode}, exclusions: ${exclusions?.length ?? 0}`;
}

/** The newest isolation as the server knows it, once it has heard of the end. */
async function historyOf(fleet: Fleet, device: Host): Promise<{ during: string; after: string }> {
  for (const end = performance.now() + 5_000; ;) {
    const { isolations } = await fleet.json<{
      isolations: { mode: string; requestedBy: string; releasedBy: string; endedAt?: string }[];
    }>('isolations', 'list', '--device', device.name);
    const [last] = isolations;
    if (last && (last.endedAt !== undefined || performance.now() > end)) {
      const mode = last.mode.replace('ISOLATION_MODE_', '').toLowerCase();
      return { during: `${mode}, ${last.requestedBy}`, after: last.releasedBy };
    }
  }
}
