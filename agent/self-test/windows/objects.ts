import { isDeepStrictEqual } from 'node:util';
import { isLoopback, programIs, protocolIs, tokenHas } from '../../enforce/wfp/conditions.js';
import type { WfpObjects } from '../../enforce/wfp/engine-interface.js';
import type { Field, Layer } from '../../enforce/wfp/guids.js';
import { SIDS, parseSid } from '../../windows/sid.js';
import { OWN_LAYERS } from '../../enforce/wfp/system-filters.js';
import type { Condition, Filter, Lifetime, Value } from '../../enforce/wfp/types.js';
import { fail, pass, type Check, type Outcome } from '../check.js';
import { tcpAt, tcpTo } from './conditions.js';
import { inAbortedTransaction } from './scratch.js';

const REPORT = 'send this line with a report: Cordon must not be used to isolate this version of Windows';

const address6 = (last: number): Buffer => Buffer.from(`20010db8${'00'.repeat(11)}0${last}`, 'hex');
const is = (field: Field, value: Value): Condition => ({ field, match: 'equal', value });
const between = (field: Field, low: Value, high: Value): Condition => ({
  field,
  match: 'range',
  value: { type: 'range', low, high },
});
const port = (value: number): Value => ({ type: 'uint16', value });
/** Of 192.0.2.0/24, which is for documentation. */
const host4 = (last: number): Value => ({ type: 'uint32', value: 0xc0_00_02_00 + last });
/** Of 2001:db8::/32, which is for documentation. */
const host6 = (last: number): Value => ({ type: 'byte-array16', value: address6(last) });

/** One condition for each type of value that the four layers take. */
const VALUES: readonly (readonly [Layer, Condition])[] = [
  ['ALE_AUTH_CONNECT_V4', protocolIs(255)],
  ['ALE_AUTH_CONNECT_V4', is('IP_REMOTE_PORT', port(65_535))],
  ['ALE_AUTH_CONNECT_V4', is('IP_REMOTE_ADDRESS', host4(1))],
  ['ALE_AUTH_CONNECT_V4', is('IP_LOCAL_INTERFACE', { type: 'uint64', value: 0x0006_0080_0000_0000n })],
  ['ALE_AUTH_CONNECT_V6', is('IP_REMOTE_ADDRESS', host6(1))],
  ['ALE_AUTH_CONNECT_V4', programIs(Buffer.from('\\device\\cordon\\ä.exe\0', 'utf16le'))],
  // All application packages.
  ['ALE_AUTH_CONNECT_V4', is('ALE_PACKAGE_ID', { type: 'sid', value: parseSid('S-1-15-2-1') })],
  ['ALE_AUTH_CONNECT_V4', tokenHas(SIDS.everyone)],
  [
    'ALE_AUTH_CONNECT_V4',
    is('IP_REMOTE_ADDRESS', { type: 'v4-mask', address: 0xc0_00_02_00, mask: 0xff_ff_ff_00 }),
  ],
  ['ALE_AUTH_CONNECT_V6', is('IP_REMOTE_ADDRESS', { type: 'v6-prefix', address: address6(0), prefix: 64 })],
  ['ALE_AUTH_CONNECT_V4', between('IP_REMOTE_PORT', port(1), port(65_535))],
  ['ALE_AUTH_CONNECT_V4', between('IP_REMOTE_ADDRESS', host4(1), host4(254))],
  ['ALE_AUTH_RECV_ACCEPT_V6', between('IP_REMOTE_ADDRESS', host6(1), host6(9))],
  ['ALE_AUTH_CONNECT_V6', isLoopback()],
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
    const filters = OWN_LAYERS.flatMap((layer) => [
      scratch.filter(layer, [], { lifetime }),
      scratch.filter(layer, [isLoopback()], { lifetime, action: 'permit', hard: false }),
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
    const conditions = [...tcpTo(443), ...tcpTo(80).slice(1), ...tcpAt(2).slice(1), ...tcpAt(1).slice(1)];
    const filter = scratch.filter('ALE_AUTH_CONNECT_V4', conditions);
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
    claim:
      'filters for the time before the filter engine runs are taken, with the loopback flag, and are listed',
    run: () => lifetimes('boot-time'),
  },
  {
    name: 'wfp-condition-order',
    platform: 'win32',
    claim: 'conditions of a filter read back in the order in which they were written',
    run: conditionOrder,
  },
];
