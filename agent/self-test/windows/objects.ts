import { isDeepStrictEqual } from 'node:util';
import type { WfpObjects } from '../../enforce/wfp/engine-interface.js';
import type { Layer } from '../../enforce/wfp/guids.js';
import type { Condition, Filter, Lifetime } from '../../enforce/wfp/types.js';
import { fail, pass, type Check, type Outcome } from '../check.js';
import { ACCEPT, ALE_LAYERS, CONNECT, equals, isLoopback, localPort, remotePort, tcp } from './conditions.js';
import { inAbortedTransaction } from './scratch.js';

const REPORT = 'send this line with a report: Cordon must not be used to isolate this version of Windows';

const address6 = (last: number): Buffer => Buffer.from(`20010db8${'00'.repeat(11)}0${last}`, 'hex');
/** S-1-15-2-1, all application packages. */
const PACKAGE_SID = Buffer.from('010200000000000f0200000001000000', 'hex');
/** Self-relative: a DACL that gives right 1, which FWP_ACTRL_MATCH_FILTER is, to everyone (S-1-1-0). */
const EVERYONE_SD = Buffer.from(
  '0100048000000000000000000000000014000000' + '02001c0001000000' + '0000140001000000' + '010100000000000100000000',
  'hex',
);

/** One condition for each type of value that the four layers take. */
const VALUES: readonly (readonly [Layer, Condition])[] = [
  [CONNECT[4], tcp],
  [CONNECT[4], remotePort(65_535)],
  [CONNECT[4], equals('IP_REMOTE_ADDRESS', { type: 'uint32', value: 0xc0_00_02_01 })],
  [CONNECT[4], equals('IP_LOCAL_INTERFACE', { type: 'uint64', value: 0x0006_0080_0000_0000n })],
  [CONNECT[6], equals('IP_REMOTE_ADDRESS', { type: 'byte-array16', value: address6(1) })],
  [
    CONNECT[4],
    equals('ALE_APP_ID', { type: 'byte-blob', value: Buffer.from('\\device\\cordon\\ä.exe\0', 'utf16le') }),
  ],
  [CONNECT[4], equals('ALE_PACKAGE_ID', { type: 'sid', value: PACKAGE_SID })],
  [CONNECT[4], equals('ALE_USER_ID', { type: 'security-descriptor', value: EVERYONE_SD })],
  [
    CONNECT[4],
    equals('IP_REMOTE_ADDRESS', { type: 'v4-mask', address: 0xc0_00_02_00, mask: 0xff_ff_ff_00 }),
  ],
  [CONNECT[6], equals('IP_REMOTE_ADDRESS', { type: 'v6-prefix', address: address6(0), prefix: 64 })],
  [
    CONNECT[4],
    {
      field: 'IP_REMOTE_PORT',
      match: 'range',
      value: { type: 'range', low: { type: 'uint16', value: 1 }, high: { type: 'uint16', value: 65_535 } },
    },
  ],
  [
    CONNECT[4],
    {
      field: 'IP_REMOTE_ADDRESS',
      match: 'range',
      value: {
        type: 'range',
        low: { type: 'uint32', value: 0xc0_00_02_01 },
        high: { type: 'uint32', value: 0xc0_00_02_fe },
      },
    },
  ],
  [
    ACCEPT[6],
    {
      field: 'IP_REMOTE_ADDRESS',
      match: 'range',
      value: {
        type: 'range',
        low: { type: 'byte-array16', value: address6(1) },
        high: { type: 'byte-array16', value: address6(9) },
      },
    },
  ],
  [CONNECT[6], isLoopback],
];

/** Undefined where a filter reads back as it was written. */
async function difference(objects: WfpObjects, written: Filter): Promise<string | undefined> {
  const found = (await objects.filter(written.key))?.filter;
  if (!found) return 'is not there, or holds something unknown';
  const keys = Object.keys(written) as (keyof Filter)[];
  const other = keys.filter((key) => !isDeepStrictEqual(found[key], written[key]));
  return other.length === 0 ? undefined : `has another ${other.join(', ')}`;
}

async function readBack(): Promise<Outcome> {
  return inAbortedTransaction('persistent', async (scratch, objects) => {
    for (const [layer, condition] of VALUES) {
      const { value } = condition;
      const type = value.type === 'range' ? `range of ${value.low.type}` : value.type;
      const filter = scratch.filter(layer, [condition], { name: 'Cordon self-test ä 漢' });
      await objects.addFilters([filter]);
      const differs = await difference(objects, filter);
      if (differs) return fail(`a filter with a ${type} (${condition.field}) ${differs}`, REPORT);
    }
    return pass(`${VALUES.length} filters, one for each type of value, read back as they were written`);
  });
}

async function lifetimes(lifetime: Lifetime): Promise<Outcome> {
  return inAbortedTransaction('persistent', async (scratch, objects) => {
    const filters = ALE_LAYERS.flatMap((layer) => [
      scratch.filter(layer, [], { lifetime }),
      scratch.filter(layer, [isLoopback], { lifetime, action: 'permit', hard: false }),
    ]);
    await objects.addFilters(filters);
    for (const filter of filters) {
      const differs = await difference(objects, filter);
      if (differs) return fail(`the ${lifetime} filter at ${filter.layer} ${differs}`, REPORT);
      const listed = await objects.filters(filter.layer, scratch.provider.key);
      if (!listed.some(({ key }) => key === filter.key)) {
        return fail(`listing ${filter.layer} leaves out the ${lifetime} filter`, REPORT);
      }
    }
    return pass('blocks and permits for loopback at all four layers are taken, read back and listed');
  });
}

async function conditionOrder(): Promise<Outcome> {
  return inAbortedTransaction('persistent', async (scratch, objects) => {
    // Alternatives beside each other, and fields in an order that is not that of their GUIDs.
    const conditions = [tcp, remotePort(443), remotePort(80), localPort(2), localPort(1)];
    const filter = scratch.filter(CONNECT[4], conditions);
    await objects.addFilters([filter]);
    const found = (await objects.filter(filter.key))?.filter;
    if (isDeepStrictEqual(found?.conditions, conditions)) return pass('as written');
    return fail(
      `written ${conditions.map(({ field }) => field).join(' ')}, read ${found?.conditions.map(({ field }) => field).join(' ') ?? 'nothing'}`,
      'send this line with a report: the agent would take its own rules for altered and write them again and again',
    );
  });
}

export const objectChecks: readonly Check[] = [
  {
    name: 'wfp-values',
    platform: 'win32',
    claim: 'every type of value that a rule can need is taken and reads back as written',
    run: readBack,
  },
  {
    name: 'wfp-persistent',
    platform: 'win32',
    claim: 'filters that stay over a restart of Windows are taken at all four layers',
    run: () => lifetimes('persistent'),
  },
  {
    name: 'wfp-boot-time',
    platform: 'win32',
    claim: 'filters for the time before the filter engine runs are taken, with the loopback flag, and are listed',
    run: () => lifetimes('boot-time'),
  },
  {
    name: 'wfp-condition-order',
    platform: 'win32',
    claim: 'conditions of a filter read back in the order in which they were written',
    run: conditionOrder,
  },
];
