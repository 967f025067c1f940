import { lstatSync, realpathSync } from 'node:fs';
import { windowsCollectors } from '../../detect/collect/windows/all.js';
import { CONSTANTS } from '../../detect/collect/windows/layout.js';
import { volumeCalls } from '../../detect/collect/windows/volume-item.js';
import type { ItemType } from '../../../shared/ioc/model.js';
import { fail, pass, skip, type Check, type Outcome } from '../check.js';

/** What a kind of items has on every Windows: some item of it has each of these. */
interface Expected {
  readonly name: string;
  readonly type: ItemType;
  readonly claim: string;
  readonly properties: readonly string[];
}

const EXPECTED: readonly Expected[] = [
  {
    name: 'scan-registry',
    type: 'RegistryItem',
    claim: 'a scan reads the registry, with owners of keys and times of changes',
    properties: ['Path', 'Value', 'Modified', 'Username'],
  },
  {
    name: 'scan-processes',
    type: 'ProcessItem',
    claim: 'a scan is told command lines, users and libraries of processes',
    properties: ['path', 'arguments', 'Username', 'startTime', 'SectionList/MemorySection/Name'],
  },
  {
    name: 'scan-names',
    type: 'DnsEntryItem',
    claim: 'a scan reads the cache of the DNS client, by a call that no document describes',
    properties: ['RecordName', 'RecordType', 'RecordData/IPv4Address'],
  },
  {
    name: 'scan-neighbours',
    type: 'ArpEntryItem',
    claim: 'a scan is told neighbours over IPv4 and IPv6',
    properties: ['IPv4Address', 'IPv6Address', 'PhysicalAddress', 'Interface'],
  },
  {
    name: 'scan-services',
    type: 'ServiceItem',
    claim: 'a scan is told services, and libraries that they load',
    properties: ['name', 'path', 'serviceDLL', 'startedAs', 'pid'],
  },
  {
    name: 'scan-users',
    type: 'UserItem',
    claim: 'a scan is told accounts with their groups and last logons',
    properties: ['Username', 'SecurityID', 'grouplist/groupname', 'LastLogin'],
  },
  {
    name: 'scan-events',
    type: 'EventLogItem',
    claim: 'a scan reads the logs of events, that of security too',
    properties: ['EID', 'source', 'genTime', 'message', 'user'],
  },
];

/** A kind of items that this Windows does not tell is a failure; what it refuses about one item is none. */
async function collects({ type, properties }: Expected): Promise<Outcome> {
  const collector = windowsCollectors().find((one) => one.type === type);
  if (!collector || 'unavailable' in collector)
    return fail(`${type} is not collected`, 'install the agent again');
  const problems: string[] = [];
  const seen = new Set<string>();
  let count = 0;
  for await (const item of collector.collect({
    terms: new Set(properties.map((property) => `${type}/${property}`)),
    problem: (subject, detail) => void problems.push(`${subject}: ${detail}`),
    signal: new AbortController().signal,
    literals: new Map(),
  })) {
    count += 1;
    for (const term of item.values.keys()) seen.add(term);
  }
  const missing = properties.filter((property) => !seen.has(`${type}/${property}`));
  const found = `${count} items${problems[0] === undefined ? '' : `; ${problems.length} problems, the first: ${problems[0]}`}`;
  if (missing.length === 0) return pass(found);
  return fail(
    `${found}; no item has ${missing.join(', ')}`,
    'run the self-test as Administrator; if it fails again, indicators with these terms do not match on this computer',
  );
}

/** Of Windows' own, since Windows Vista. */
const JUNCTION = 'C:\\Documents and Settings';

function junctionsAreLinks(): Promise<Outcome> {
  const stats = lstatSync(JUNCTION, { throwIfNoEntry: false });
  if (!stats) return Promise.resolve(skip(`there is no ${JUNCTION}`, 'try it on a computer that has it'));
  if (stats.isSymbolicLink())
    return Promise.resolve(pass(`${JUNCTION} is a link, which no scan goes through`));
  return Promise.resolve(fail(`${JUNCTION} is taken for a folder`, 'exclude it from scans'));
}

async function networkDrives(): Promise<Outcome> {
  const calls = await volumeCalls();
  const remote = calls.roots().filter((root) => calls.type(root) === CONSTANTS.DRIVE_REMOTE);
  if (remote.length === 0) return skip('there is no network drive', 'connect one, then run the check again');
  const taken = remote.filter((root) => !realpathSync.native(root).startsWith('\\\\'));
  if (taken.length === 0) return pass(`${remote.join(' ')} lead to other computers`);
  return fail(`${taken.join(' ')} cannot be told from drives of this computer`, 'exclude them from scans');
}

export const detectChecks: readonly Check[] = [
  ...EXPECTED.map((expected): Check => ({
    name: expected.name,
    platform: 'win32',
    claim: expected.claim,
    run: () => collects(expected),
  })),
  {
    name: 'scan-junctions',
    platform: 'win32',
    claim: 'a junction is seen to be a link, so that no scan goes through it',
    run: junctionsAreLinks,
  },
  {
    name: 'scan-network-drives',
    platform: 'win32',
    claim: 'a network drive is seen to lead to another computer',
    run: networkDrives,
  },
];
