import ipaddr from 'ipaddr.js';
import { grantsOf } from '../../windows/security-descriptor.js';
import { sidText } from '../../windows/sid.js';
import { runsOf } from './canonical.js';
import { ICMP, ICMPV6, IS_LOOPBACK, TCP, UDP } from './conditions.js';
import type { Layer } from './guids.js';
import type { Condition, Filter, Match, Value } from './types.js';

/** Every filter of ours is called this and then what it is for. */
export const NAME_PREFIX = 'Cordon: ';
/** So many alternatives of one field are written out; the rest are counted. */
const MOST_ALTERNATIVES = 4;

/** One line in words: `permit out IPv4: remote port 53, protocol UDP (exclusion "DNS")`. */
export function describeFilter(
  filter: Pick<Filter, 'name' | 'layer' | 'lifetime' | 'action' | 'hard' | 'conditions'>,
): string {
  const { layer, lifetime, action, hard, conditions, name } = filter;
  const what = [
    ...(lifetime === 'boot-time' ? ['at boot:'] : []),
    ...(hard && action === 'permit' ? ['hard'] : []),
    action,
    layerText(layer),
  ].join(' ');
  const protocols = conditions.filter(({ field }) => field === 'IP_PROTOCOL').map(({ value }) => value);
  const isIcmp =
    protocols.length > 0 &&
    protocols.every((value) => value.type === 'uint8' && (value.value === ICMP || value.value === ICMPV6));
  const which = runsOf(conditions).map((run) => runText(run, isIcmp));
  const why = name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : name;
  return `${what}: ${which.length === 0 ? 'everything' : which.join(', ')} (${why})`;
}

function layerText(layer: Layer): string {
  switch (layer) {
    case 'ALE_AUTH_CONNECT_V4':
      return 'out IPv4';
    case 'ALE_AUTH_CONNECT_V6':
      return 'out IPv6';
    case 'ALE_AUTH_RECV_ACCEPT_V4':
      return 'in IPv4';
    case 'ALE_AUTH_RECV_ACCEPT_V6':
      return 'in IPv6';
    default:
      return `at ${layer}`;
  }
}

const FIELD_TEXTS = {
  ALE_APP_ID: 'program',
  ALE_USER_ID: 'run by',
  ALE_PACKAGE_ID: 'package',
  IP_PROTOCOL: 'protocol',
  IP_LOCAL_ADDRESS: 'local address',
  IP_REMOTE_ADDRESS: 'remote address',
  IP_LOCAL_PORT: 'local port',
  IP_REMOTE_PORT: 'remote port',
  FLAGS: 'flags',
  IP_LOCAL_INTERFACE: 'interface',
  INTERFACE_TYPE: 'interface type',
  L2_FLAGS: 'layer 2 flags',
} as const;

const MATCH_TEXTS: Readonly<Record<Match, string>> = {
  equal: '',
  range: '',
  greater: 'above ',
  less: 'below ',
  'greater-or-equal': 'from ',
  'less-or-equal': 'up to ',
  'flags-all-set': 'all of ',
  'flags-any-set': 'any of ',
  'flags-none-set': 'none of ',
  'equal-case-insensitive': 'in any case ',
  'not-equal': 'not ',
  prefix: 'beginning with ',
  'not-prefix': 'not beginning with ',
};

function runText(run: readonly Condition[], isIcmp: boolean): string {
  const [first] = run;
  if (first === undefined) return '';
  if (first.field === 'FLAGS' && run.length === 1 && isLoopbackFlag(first)) return 'loopback';
  const icmpField = first.field === 'IP_LOCAL_PORT' ? 'ICMP type' : 'ICMP code';
  const isPort = first.field === 'IP_LOCAL_PORT' || first.field === 'IP_REMOTE_PORT';
  const shown = run.slice(0, MOST_ALTERNATIVES).map((one) => `${MATCH_TEXTS[one.match]}${valueText(one)}`);
  const rest = run.length - shown.length;
  const more = rest === 0 ? '' : ` or ${rest} more`;
  return `${isIcmp && isPort ? icmpField : FIELD_TEXTS[first.field]} ${shown.join(' or ')}${more}`;
}

function isLoopbackFlag({ match, value }: Condition): boolean {
  return match === 'flags-all-set' && value.type === 'uint32' && value.value === IS_LOOPBACK;
}

function valueText({ field, value }: Condition): string {
  if (value.type === 'range') {
    return `${valueText({ field, match: 'equal', value: value.low })}-${valueText({ field, match: 'equal', value: value.high })}`;
  }
  if (field === 'IP_PROTOCOL' && value.type === 'uint8') return protocolText(value.value);
  const isAddress = field === 'IP_LOCAL_ADDRESS' || field === 'IP_REMOTE_ADDRESS';
  if (isAddress && value.type === 'uint32') return v4Text(value.value);
  if (isAddress && value.type === 'byte-array16') return v6Text(value.value);
  return plainText(value);
}

function plainText(value: Exclude<Value, { type: 'range' }>): string {
  switch (value.type) {
    case 'empty':
      return 'nothing';
    case 'v4-mask':
      return `${v4Text(value.address)}/${maskText(value.mask)}`;
    case 'v6-prefix':
      return `${v6Text(value.address)}/${value.prefix}`;
    case 'byte-blob':
      // An AppId is the path with its zero.
      return `"${value.value.toString('utf16le').replace(/\0$/, '')}"`;
    case 'sid':
      return sidText(value.value);
    case 'security-descriptor':
      return tokenText(value.value);
    case 'byte-array16':
    case 'byte-array6':
      return value.value.toString('hex');
    default:
      return `${value.value}`;
  }
}

function tokenText(descriptor: Buffer): string {
  try {
    const grants = grantsOf(descriptor) ?? [];
    return grants
      .map(({ kind, sid }) => (kind === 'allow' ? sidText(sid) : `not ${sidText(sid)}`))
      .join(' or ');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return 'whom an unusual security descriptor names';
  }
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [ICMP, 'ICMP'],
  [TCP, 'TCP'],
  [UDP, 'UDP'],
  [ICMPV6, 'ICMPv6'],
]);

function protocolText(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? `${protocol}`;
}

function v4Text(number: number): string {
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
}

function maskText(mask: number): string {
  const zeros = Math.log2(2 ** 32 - mask);
  return Number.isInteger(zeros) ? `${32 - zeros}` : v4Text(mask);
}

function v6Text(bytes: Buffer): string {
  return new ipaddr.IPv6([...bytes]).toString();
}
