import type { Family } from '../../../shared/exclusions/address.js';
import type { Interval } from '../../../shared/exclusions/intervals.js';
import { securityDescriptor } from '../../windows/security-descriptor.js';
import { FWP_CONDITION_FLAG, FWPM_ACTRL } from './constants.js';
import type { Field } from './guids.js';
import type { Condition, Value } from './types.js';

/** The right that a token needs in the descriptor of a condition. */
export const MATCH_FILTER = FWPM_ACTRL.FWP_ACTRL_MATCH_FILTER;
export const IS_LOOPBACK = FWP_CONDITION_FLAG.FWP_CONDITION_FLAG_IS_LOOPBACK;

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;

const WIDTH: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** An IPv6 address as WFP takes it. */
export function addressBytes(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
}

export function protocolIs(protocol: number): Condition {
  return { field: 'IP_PROTOCOL', match: 'equal', value: { type: 'uint8', value: protocol } };
}

/** At the ALE layers the local port of an ICMP message is its type. */
export function icmpTypeIs(type: number): Condition {
  return { field: 'IP_LOCAL_PORT', match: 'equal', value: { type: 'uint16', value: type } };
}

export function isLoopback(): Condition {
  return { field: 'FLAGS', match: 'flags-all-set', value: { type: 'uint32', value: IS_LOOPBACK } };
}

/** @param appId as FwpmGetAppIdFromFileName0 gives it */
export function programIs(appId: Buffer): Condition {
  return { field: 'ALE_APP_ID', match: 'equal', value: { type: 'byte-blob', value: appId } };
}

/** The process carries this SID in its token. */
export function tokenHas(sid: Buffer): Condition {
  const value = securityDescriptor([{ kind: 'allow', sid, access: MATCH_FILTER }]);
  return { field: 'ALE_USER_ID', match: 'equal', value: { type: 'security-descriptor', value } };
}

export function portIn(
  field: Extract<Field, 'IP_LOCAL_PORT' | 'IP_REMOTE_PORT'>,
  { first, last }: Interval,
): Condition {
  const value = (port: bigint): Value => ({ type: 'uint16', value: Number(port) });
  return first === last
    ? { field, match: 'equal', value: value(first) }
    : { field, match: 'range', value: { type: 'range', low: value(first), high: value(last) } };
}

export function addressIn(
  field: Extract<Field, 'IP_LOCAL_ADDRESS' | 'IP_REMOTE_ADDRESS'>,
  { first, last }: Interval,
  family: Family,
): Condition {
  const value = (address: bigint): Value =>
    family === 4
      ? { type: 'uint32', value: Number(address) }
      : { type: 'byte-array16', value: addressBytes(address) };
  if (first === last) return { field, match: 'equal', value: value(first) };
  const prefix = prefixOf(first, last, family);
  if (prefix === undefined) {
    return { field, match: 'range', value: { type: 'range', low: value(first), high: value(last) } };
  }
  const network: Value =
    family === 4
      ? { type: 'v4-mask', address: Number(first), mask: 2 ** 32 - 2 ** (32 - prefix) }
      : { type: 'v6-prefix', address: addressBytes(first), prefix };
  return { field, match: 'equal', value: network };
}

/** Length of the prefix that holds exactly these addresses, if there is one. */
function prefixOf(first: bigint, last: bigint, family: Family): number | undefined {
  const size = last - first + 1n;
  const isNetwork = (size & (size - 1n)) === 0n && first % size === 0n;
  return isNetwork ? WIDTH[family] - (size.toString(2).length - 1) : undefined;
}
