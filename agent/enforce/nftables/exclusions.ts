import type { AddressRange, Family } from '../../../shared/exclusions/address.js';
import type { Rule, UnsupportedRule } from '../plan.js';
import { cgroupMatch, type CgroupMatch } from './cgroup-match.js';
import {
  addressIntervals,
  portIntervals,
  union,
  type Interval,
} from '../../../shared/exclusions/intervals.js';
import { addressText, disjoint, portText, type Rectangle } from './intervals.js';

/** A named set of the table. */
export interface NftSet {
  readonly name: string;
  readonly type: string;
  readonly elements: readonly string[];
}

/** Which way a packet goes. The other side is its destination when it goes out, its source when it comes in. */
export type PacketWay = 'out' | 'in';

/** Conditions of one accepting rule, written for a packet that goes one way. */
type Matcher = (way: PacketWay) => string;

/** The exclusions that connections opened from one side may use. */
export interface ExclusionRules {
  readonly sets: readonly NftSet[];
  /** `match(way)` of each is one line of a chain, without its verdict. Empty text: every packet. */
  readonly matchers: readonly Matcher[];
  readonly unsupported: readonly UnsupportedRule[];
}

/** Finds the cgroup of a program; undefined when there is none now. */
export type CgroupLookup = (application: NonNullable<Rule['application']>) => CgroupMatch | undefined;

const TCP = 6;
const UDP = 17;
const FAMILIES: readonly Family[] = [4, 6];
const PROTOCOLS = [
  { number: TCP, name: 'tcp' },
  { number: UDP, name: 'udp' },
] as const;
type PortSide = 'remote' | 'local';
const PORT_SIDES: readonly PortSide[] = ['remote', 'local'];

/**
 * Exclusions of the connections that `opener` opens. Rules of the common forms share sets, so that the cost of a packet
 * does not grow with their number; the rest becomes one line each.
 */
export function renderExclusions(
  rules: readonly Rule[],
  opener: PacketWay,
  findCgroup: CgroupLookup,
): ExclusionRules {
  const relevant = rules.filter((rule) => (opener === 'out' ? rule.outbound : rule.inbound));
  const sets: NftSet[] = [];
  const matchers: Matcher[] = [];
  const unsupported: UnsupportedRule[] = [];
  const addSet = (set: NftSet, matcher: Matcher): void => {
    if (set.elements.length === 0) return;
    sets.push(set);
    matchers.push(matcher);
  };

  const plain = relevant.filter(isPlain);
  for (const { number, name } of PROTOCOLS) {
    for (const side of PORT_SIDES) {
      const group = plain.filter((rule) => rule.protocol === number && portSide(rule) === side);
      addPortSets(addSet, opener, name, side, group);
    }
  }
  addAddressSets(
    addSet,
    opener,
    plain.filter((rule) => rule.protocol === undefined),
  );

  for (const rule of relevant.filter((candidate) => !isPlain(candidate))) {
    const program = programMatch(rule, opener, findCgroup);
    if (program.kind === 'unsupported') unsupported.push({ name: rule.name, detail: program.detail });
    else matchers.push(...singleMatchers(rule, program.text));
  }
  return { sets, matchers, unsupported };
}

/** Fits a shared set: ports of one side at most, remote addresses at most, no program. */
function isPlain(rule: Rule): boolean {
  if (rule.application !== undefined || rule.localAddresses.length > 0) return false;
  if (rule.protocol === undefined) return rule.remoteAddresses.length > 0;
  if (rule.protocol !== TCP && rule.protocol !== UDP) return false;
  return rule.localPorts.length === 0 || rule.remotePorts.length === 0;
}

function portSide(rule: Rule): PortSide {
  return rule.localPorts.length > 0 ? 'local' : 'remote';
}

function addPortSets(
  addSet: (set: NftSet, matcher: Matcher) => void,
  opener: PacketWay,
  protocol: 'tcp' | 'udp',
  side: PortSide,
  rules: readonly Rule[],
): void {
  const portsOf = (rule: Rule): Interval[] =>
    portIntervals(side === 'local' ? rule.localPorts : rule.remotePorts);
  const anywhere = rules.filter((rule) => rule.remoteAddresses.length === 0);
  const name = `opened_${opener}_${protocol}_${side}_port`;
  addSet(
    { name, type: 'inet_service', elements: union(anywhere.flatMap(portsOf)).map(portText) },
    (way) => `${protocol} ${portField(side, way)} @${name}`,
  );
  for (const family of FAMILIES) {
    const rectangles = rules.flatMap((rule) => product(rule, family, portsOf(rule)));
    for (const [index, group] of disjoint(rectangles).entries()) {
      const setName = `opened_${opener}_${protocol}_ipv${family}_${side}_port_${index}`;
      const elements = group.map(
        ({ addresses, ports }) => `${addressText(addresses, family)} . ${portText(ports)}`,
      );
      addSet(
        { name: setName, type: `ipv${family}_addr . inet_service`, elements },
        (way) => `${addressField(family, 'remote', way)} . ${protocol} ${portField(side, way)} @${setName}`,
      );
    }
  }
}

function product(rule: Rule, family: Family, ports: readonly Interval[]): Rectangle[] {
  if (rule.remoteAddresses.length === 0) return [];
  return addressIntervals(rule.remoteAddresses, family).flatMap((addresses) =>
    ports.map((one) => ({ addresses, ports: one })),
  );
}

function addAddressSets(
  addSet: (set: NftSet, matcher: Matcher) => void,
  opener: PacketWay,
  rules: readonly Rule[],
): void {
  for (const family of FAMILIES) {
    const name = `opened_${opener}_ipv${family}`;
    const addresses = union(rules.flatMap((rule) => addressIntervals(rule.remoteAddresses, family)));
    addSet(
      { name, type: `ipv${family}_addr`, elements: addresses.map((one) => addressText(one, family)) },
      (way) => `${addressField(family, 'remote', way)} @${name}`,
    );
  }
}

type ProgramMatch =
  | { readonly kind: 'expressible'; readonly text: string }
  | { readonly kind: 'unsupported'; readonly detail: string };

function programMatch(rule: Rule, opener: PacketWay, findCgroup: CgroupLookup): ProgramMatch {
  const { application } = rule;
  if (application === undefined) return { kind: 'expressible', text: '' };
  switch (application.kind) {
    case 'executable-path':
      return {
        kind: 'unsupported',
        detail: 'nftables cannot match the path of an executable; name a cgroup',
      };
    case 'windows-service':
      return {
        kind: 'unsupported',
        detail: 'a Windows service does not exist on Linux; name a systemd unit',
      };
    case 'systemd-unit':
    case 'cgroup': {
      if (opener === 'in') {
        // The first packet of an incoming connection belongs to no process yet.
        return {
          kind: 'unsupported',
          detail: 'the inbound half: nftables knows the program of outgoing packets only',
        };
      }
      const match = findCgroup(application);
      const label = application.kind === 'cgroup' ? application.path : application.name;
      return match
        ? { kind: 'expressible', text: cgroupMatch(match) }
        : {
            kind: 'unsupported',
            detail: `"${label}" has no cgroup below the cgroup2 root now; start it first`,
          };
    }
  }
}

/** One line per IP version that the rule names, or one line for both when it names no address. */
function singleMatchers(rule: Rule, program: string): Matcher[] {
  const named = rule.localAddresses.length > 0 || rule.remoteAddresses.length > 0;
  const families: readonly (Family | undefined)[] = named ? FAMILIES : [undefined];
  return families.flatMap((family): Matcher[] => {
    const remote = family && addressList(rule.remoteAddresses, family);
    const local = family && addressList(rule.localAddresses, family);
    // Addresses of the other version only: nothing of this version matches.
    if (family && rule.remoteAddresses.length > 0 && remote === undefined) return [];
    if (family && rule.localAddresses.length > 0 && local === undefined) return [];
    return [
      (way) =>
        [
          remote && family ? `${addressField(family, 'remote', way)} ${remote}` : '',
          local && family ? `${addressField(family, 'local', way)} ${local}` : '',
          rule.protocol === undefined ? '' : `meta l4proto ${rule.protocol}`,
          portList(rule, 'remote', way),
          portList(rule, 'local', way),
          program,
        ]
          .filter((part) => part !== '')
          .join(' '),
    ];
  });
}

function addressList(ranges: readonly AddressRange[], family: Family): string | undefined {
  if (ranges.length === 0) return undefined;
  const intervals = union(addressIntervals(ranges, family));
  if (intervals.length === 0) return undefined;
  return `{ ${intervals.map((one) => addressText(one, family)).join(', ')} }`;
}

function portList(rule: Rule, side: PortSide, way: PacketWay): string {
  const ports = side === 'local' ? rule.localPorts : rule.remotePorts;
  if (ports.length === 0) return '';
  return `th ${portField(side, way)} { ${union(portIntervals(ports)).map(portText).join(', ')} }`;
}

function portField(side: PortSide, way: PacketWay): 'sport' | 'dport' {
  return (side === 'remote') === (way === 'out') ? 'dport' : 'sport';
}

function addressField(family: Family, side: PortSide, way: PacketWay): string {
  return `${family === 4 ? 'ip' : 'ip6'} ${(side === 'remote') === (way === 'out') ? 'daddr' : 'saddr'}`;
}
