import type { Family } from '../../../shared/exclusions/address.js';
import {
  addressIntervals,
  isAnyAddress,
  isAnyPort,
  portIntervals,
  union,
  type Interval,
} from '../../../shared/exclusions/intervals.js';
import type { Rule } from '../plan.js';
import { addressText, disjoint, numberText, type Box, type Quota } from './intervals.js';

/** A named set of the table. */
export interface NftSet {
  readonly name: string;
  readonly type: string;
  /** Whether elements may be ranges: another kind of set to the kernel, slower than a hash table. */
  readonly ranges: boolean;
  readonly elements: readonly string[];
}

/** Which way a packet goes. The other side is its destination when it goes out, its source when it comes in. */
export type PacketWay = 'out' | 'in';

/** Conditions of one accepting rule, written for a packet that goes one way. */
export type Matcher = (way: PacketWay) => string;

/** What a rule can compare, in the order in which elements of a set write it. */
const FIELDS = ['remote', 'local', 'protocol', 'remote_port', 'local_port'] as const;
type Field = (typeof FIELDS)[number];

/** Which fields rules compare, in which IP version; undefined: in both alike, which needs no address among them. */
interface Form {
  readonly family: Family | undefined;
  readonly fields: readonly Field[];
}

/** What a rule allows in one form: for each field intervals of which one must hold, ascending and apart. */
interface Part {
  readonly form: Form;
  readonly intervals: readonly (readonly Interval[])[];
}

const ICMP = 1;
const ICMPV6 = 58;

/**
 * Sets of ranges for the connections that one side opens. Thousands of ranges that cross each other need thousands of sets:
 * making and loading them would take longer than anybody waits, and the computer would stay open.
 */
const MOST_RANGE_SETS = 128;

export interface RenderedSets {
  readonly sets: readonly NftSet[];
  readonly matchers: readonly Matcher[];
  /** Rules of which a part may stay blocked, because there were no more sets for it. */
  readonly cut: readonly Rule[];
  /** Sets of ranges that may still be made. */
  readonly rangeSets: number;
}

/** Rules as sets and the lines that ask them: a set of single values and some of ranges for each form that occurs. */
export function renderSets(
  rules: readonly Rule[],
  prefix: string,
  rangeSets: number = MOST_RANGE_SETS,
): RenderedSets {
  const groups = new Map<string, { readonly form: Form; readonly parts: Part[]; readonly rules: Rule[] }>();
  for (const rule of rules) {
    for (const part of partsOf(rule)) {
      const { family, fields } = part.form;
      const name = [prefix, ...(family === undefined ? [] : [`ipv${family}`]), ...fields].join('_');
      const group = groups.get(name) ?? { form: part.form, parts: [], rules: [] };
      group.parts.push(part);
      group.rules.push(rule);
      groups.set(name, group);
    }
  }
  const sets: NftSet[] = [];
  const matchers: Matcher[] = [];
  const cut = new Set<Rule>();
  const quota: Quota = { left: rangeSets, exceeded: false };
  for (const [name, { form, parts, rules: own }] of groups) {
    if (form.fields.length === 0) {
      matchers.push(() => familyText(form));
      continue;
    }
    quota.exceeded = false;
    const made = setsOf(name, form, parts, quota);
    if (quota.exceeded) {
      for (const [index, { intervals }] of parts.entries()) {
        const rule = own[index];
        if (rule && intervals.flat().some(({ first, last }) => first !== last)) cut.add(rule);
      }
    }
    for (const set of made) {
      sets.push(set);
      matchers.push((way) => `${familyText(form)} ${fieldsText(form, way)} @${set.name}`.trimStart());
    }
  }
  return { sets, matchers, cut: [...cut], rangeSets: quota.left };
}

/** A rule in each IP version that has packets for it. ICMP belongs to IPv4 and ICMPv6 to IPv6. */
function partsOf(rule: Rule): Part[] {
  const { protocol } = rule;
  const remotePorts = union(portIntervals(rule.remotePorts));
  const localPorts = union(portIntervals(rule.localPorts));
  const named = rule.remoteAddresses.length > 0 || rule.localAddresses.length > 0;
  const families = ([4, 6] as const).filter((family) => protocol !== (family === 4 ? ICMPV6 : ICMP));
  const apart: readonly (Family | undefined)[] = named || families.length === 1 ? families : [undefined];
  return apart.flatMap((family): Part[] => {
    const remote = family === undefined ? [] : union(addressIntervals(rule.remoteAddresses, family));
    const local = family === undefined ? [] : union(addressIntervals(rule.localAddresses, family));
    // Addresses of the other version only: nothing of this version matches.
    if (family !== undefined && (remote.length === 0 || local.length === 0)) return [];
    const isAny = (intervals: readonly Interval[]): boolean =>
      family === undefined || intervals.some((interval) => isAnyAddress(interval, family));
    // A field that takes everything is left out: the kernel need not look at it.
    const compared: Readonly<Record<Field, readonly Interval[] | undefined>> = {
      remote: isAny(remote) ? undefined : remote,
      local: isAny(local) ? undefined : local,
      protocol: protocol === undefined ? undefined : [point(protocol)],
      remote_port: remotePorts.some(isAnyPort) ? undefined : remotePorts,
      local_port: localPorts.some(isAnyPort) ? undefined : localPorts,
    };
    const fields = FIELDS.filter((field) => compared[field] !== undefined);
    return [{ form: { family, fields }, intervals: fields.map((field) => compared[field] ?? []) }];
  });
}

function setsOf(name: string, form: Form, parts: readonly Part[], quota: Quota): NftSet[] {
  const type = form.fields.map((field) => typeText(field, form.family)).join(' . ');
  const single = new Set<string>();
  // Protocols are no ranges: neighbours must not become one.
  const ranged = new Map<bigint | undefined, Box[]>();
  const protocolAt = form.fields.indexOf('protocol');
  for (const box of parts.flatMap(({ intervals }) => product(intervals))) {
    if (box.every(({ first, last }) => first === last)) {
      single.add(elementText(form, box));
    } else {
      const protocol = box[protocolAt]?.first;
      const boxes = ranged.get(protocol) ?? [];
      boxes.push(box);
      ranged.set(protocol, boxes);
    }
  }
  const layers: string[][] = [];
  for (const boxes of ranged.values()) {
    for (const [layer, pieces] of disjoint(boxes, quota).entries()) {
      const elements = (layers[layer] ??= []);
      for (const piece of pieces) elements.push(elementText(form, piece));
    }
  }
  return [
    ...(single.size === 0 ? [] : [{ name, type, ranges: false, elements: [...single] }]),
    ...layers.map((elements, layer) => ({ name: `${name}_ranges_${layer}`, type, ranges: true, elements })),
  ];
}

function product(intervals: Part['intervals']): Box[] {
  let boxes: Interval[][] = [[]];
  for (const choices of intervals) {
    const [only] = choices;
    // Nearly all rules name one of each, and there are thousands of them.
    if (only !== undefined && choices.length === 1) for (const box of boxes) box.push(only);
    else boxes = boxes.flatMap((box) => choices.map((choice) => [...box, choice]));
  }
  return boxes;
}

function elementText({ family, fields }: Form, box: Box): string {
  return box
    .map((interval, at) => {
      const isAddress = fields[at] === 'remote' || fields[at] === 'local';
      return isAddress && family !== undefined ? addressText(interval, family) : numberText(interval);
    })
    .join(' . ');
}

function typeText(field: Field, family: Family | undefined): string {
  switch (field) {
    case 'remote':
    case 'local':
      return family === 6 ? 'ipv6_addr' : 'ipv4_addr';
    case 'protocol':
      return 'inet_proto';
    case 'remote_port':
    case 'local_port':
      return 'inet_service';
  }
}

function point(number: number): Interval {
  return { first: BigInt(number), last: BigInt(number) };
}

/** A field that is an address says its IP version itself. */
function familyText({ family, fields }: Form): string {
  if (family === undefined || fields.includes('remote') || fields.includes('local')) return '';
  return `meta nfproto ipv${family}`;
}

function fieldsText({ family, fields }: Form, way: PacketWay): string {
  const ip = family === 6 ? 'ip6' : 'ip';
  const [there, here] = way === 'out' ? ['d', 's'] : ['s', 'd'];
  const expressions: Readonly<Record<Field, string>> = {
    remote: `${ip} ${there}addr`,
    local: `${ip} ${here}addr`,
    protocol: 'meta l4proto',
    remote_port: `th ${there}port`,
    local_port: `th ${here}port`,
  };
  return fields.map((field) => expressions[field]).join(' . ');
}
