import type { AddressRange, Family } from '../../../shared/exclusions/address.js';
import {
  addressIntervals,
  isAnyAddress,
  isAnyPort,
  portIntervals,
  union,
} from '../../../shared/exclusions/intervals.js';
import type { Ports, Rule } from '../plan.js';
import { addressIn, ICMP, ICMPV6, portIn, protocolIs, TCP, UDP } from './conditions.js';
import { NAME_PREFIX } from './describe.js';
import { ownFilter } from './keys.js';
import { layerOf, WEIGHT_CLASS } from './system-filters.js';
import type { Condition, Filter, Lifetime } from './types.js';

/**
 * Conditions of one filter. WFP documents no limit; an encoded filter of this many stays below 100 KB, far from the
 * size of a message to BFE.
 */
export const MOST_CONDITIONS = 1000;

/**
 * docs/security.md section 4: an exclusion as filters, one for each layer at which flows that it allows are classified.
 * Soft: other products may still block what isolation allows. Addresses and ports are alternatives within one filter, so
 * an exclusion costs as many filters with 256 addresses as with one.
 * @param program condition that the program of the rule owns the flow; absent: any program
 */
export function exclusionFilters(rule: Rule, program: Condition | undefined, lifetime: Lifetime): Filter[] {
  const opened = [...(rule.outbound ? (['out'] as const) : []), ...(rule.inbound ? (['in'] as const) : [])];
  return ([4, 6] as const).flatMap((family) => {
    const runs = runsFor(rule, program, family);
    if (runs === undefined) return [];
    return opened.flatMap((way) =>
      chunks(runs).map((conditions) =>
        ownFilter({
          name: `${NAME_PREFIX}exclusion "${rule.name}"`,
          layer: layerOf(way, family),
          lifetime,
          weight: { kind: 'class', value: WEIGHT_CLASS.exclusion },
          action: 'permit',
          hard: false,
          data: Buffer.alloc(0),
          conditions,
        }),
      ),
    );
  });
}

const DHCP_PORTS: ReadonlySet<number> = new Set([67, 68, 546, 547]);

/** Whether a computer needs it to get an address before BFE has started: it names ports of DHCP and no others. */
export function isForDhcp({ protocol, localPorts, remotePorts, application }: Rule): boolean {
  const ports = [...localPorts, ...remotePorts];
  return (
    protocol === UDP &&
    application === undefined &&
    ports.length > 0 &&
    ports.every(({ first, last }) => {
      const all = Array.from({ length: Math.min(last - first, 2) + 1 }, (_, index) => first + index);
      return all.every((port) => DHCP_PORTS.has(port));
    })
  );
}

/** Alternatives for each field that is compared; undefined: no packet of this IP version matches. */
function runsFor(rule: Rule, program: Condition | undefined, family: Family): Condition[][] | undefined {
  const protocols = protocolsOf(rule, family);
  const local = addresses('IP_LOCAL_ADDRESS', rule.localAddresses, family);
  const remote = addresses('IP_REMOTE_ADDRESS', rule.remoteAddresses, family);
  if (protocols === undefined || local === undefined || remote === undefined) return undefined;
  return [
    program === undefined ? [] : [program],
    remote,
    local,
    ports('IP_REMOTE_PORT', rule.remotePorts),
    ports('IP_LOCAL_PORT', rule.localPorts),
    protocols.map(protocolIs),
  ].filter((run) => run.length > 0);
}

/** None: any. Undefined: nothing matches. */
function protocolsOf({ protocol, localPorts, remotePorts }: Rule, family: Family): number[] | undefined {
  const namesPorts = localPorts.length > 0 || remotePorts.length > 0;
  // The fields of ports hold type and code of ICMP messages: ports without these two protocols would match them.
  if (protocol === undefined) return namesPorts ? [TCP, UDP] : [];
  if (namesPorts && protocol !== TCP && protocol !== UDP) return undefined;
  if (protocol === (family === 4 ? ICMPV6 : ICMP)) return undefined;
  return [protocol];
}

function addresses(
  field: 'IP_LOCAL_ADDRESS' | 'IP_REMOTE_ADDRESS',
  ranges: readonly AddressRange[],
  family: Family,
): Condition[] | undefined {
  const intervals = union(addressIntervals(ranges, family));
  if (intervals.length === 0) return undefined;
  if (intervals.some((interval) => isAnyAddress(interval, family))) return [];
  return intervals.map((interval) => addressIn(field, interval, family));
}

function ports(field: 'IP_LOCAL_PORT' | 'IP_REMOTE_PORT', spans: readonly Ports[]): Condition[] {
  const intervals = union(portIntervals(spans));
  return intervals.some(isAnyPort) ? [] : intervals.map((interval) => portIn(field, interval));
}

/** Halves the longest field until each filter is small enough: together they match what the whole would. */
function chunks(runs: readonly Condition[][]): Condition[][] {
  const whole = runs.flat();
  if (whole.length <= MOST_CONDITIONS) return [whole];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), []);
  const middle = Math.ceil(longest.length / 2);
  return [longest.slice(0, middle), longest.slice(middle)].flatMap((half) =>
    chunks(runs.map((run) => (run === longest ? half : run))),
  );
}
