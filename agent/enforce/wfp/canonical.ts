import { union, type Interval } from '../../../shared/exclusions/intervals.js';
import { grantsOf } from '../../windows/security-descriptor.js';
import { sidText } from '../../windows/sid.js';
import type { Condition, Filter, Value, Weight } from './types.js';

/**
 * What a filter does, as text: two filters with one text decide alike. The order of conditions does not matter, nor how
 * a set of numbers is written (values, masks, ranges). Key, name and description are left out.
 */
export function canonical(filter: Omit<Filter, 'key' | 'name' | 'description'>): string {
  const { layer, sublayer, provider, lifetime, weight, action, hard, data, conditions } = filter;
  return [
    layer,
    sublayer,
    provider ?? '-',
    lifetime,
    weightText(weight),
    hard ? `hard ${action}` : action,
    data.toString('hex'),
    ...runsOf(conditions).map(runText).sort(),
  ].join('\n');
}

/** Filters never change, and each is compared several times. */
const texts = new WeakMap<Filter, string>();

/** The same as `canonical`, made once for each object. */
export function textFor(filter: Filter): string {
  const known = texts.get(filter);
  if (known !== undefined) return known;
  const text = canonical(filter);
  texts.set(filter, text);
  return text;
}

/** Spares `textFor` the work. @param text that `canonical` gave for what this filter does */
export function rememberText(filter: Filter, text: string): void {
  texts.set(filter, text);
}

/** Consecutive conditions of one field: alternatives of each other. */
export function runsOf(conditions: readonly Condition[]): Condition[][] {
  const runs: Condition[][] = [];
  for (const condition of conditions) {
    const last = runs.at(-1);
    if (last?.[0]?.field === condition.field) last.push(condition);
    else runs.push([condition]);
  }
  return runs;
}

/** The numbers that a condition takes; undefined where it is none that takes whole numbers in one piece. */
export function intervalOf({ match, value }: Condition): Interval | undefined {
  if (match === 'range') {
    if (value.type !== 'range') return undefined;
    const low = wholeNumber(value.low);
    const high = wholeNumber(value.high);
    return low === undefined || high === undefined ? undefined : { first: low, last: high };
  }
  if (match !== 'equal') return undefined;
  switch (value.type) {
    case 'v4-mask': {
      const size = 2 ** 32 - value.mask;
      if ((BigInt(size) & (BigInt(size) - 1n)) !== 0n) return undefined;
      const first = BigInt(value.address - (value.address % size));
      return { first, last: first + BigInt(size) - 1n };
    }
    case 'v6-prefix': {
      const size = 1n << BigInt(128 - value.prefix);
      const address = bytesNumber(value.address);
      const first = address - (address % size);
      return { first, last: first + size - 1n };
    }
    default: {
      const only = wholeNumber(value);
      return only === undefined ? undefined : { first: only, last: only };
    }
  }
}

/** A value that has an order, as a whole number; undefined: it has none, or is no whole number. */
export function wholeNumber(value: Value): bigint | undefined {
  switch (value.type) {
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'int8':
    case 'int16':
    case 'int32':
      return BigInt(value.value);
    case 'uint64':
    case 'int64':
      return value.value;
    case 'byte-array16':
    case 'byte-array6':
      return bytesNumber(value.value);
    default:
      return undefined;
  }
}

export function bytesNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function weightText(weight: Weight): string {
  return weight.kind === 'auto' ? 'auto' : `${weight.kind} ${weight.value}`;
}

function runText(run: readonly Condition[]): string {
  const intervals: Interval[] = [];
  const others = new Set<string>();
  for (const condition of run) {
    const interval = intervalOf(condition);
    if (interval) intervals.push(interval);
    else others.add(`${condition.match} ${valueText(condition.value)}`);
  }
  const numbers = union(intervals).map(({ first, last }) => `${first}-${last}`);
  return `${run[0]?.field} ${[...numbers, ...[...others].sort()].join(' | ')}`;
}

function valueText(value: Value): string {
  switch (value.type) {
    case 'empty':
      return 'empty';
    case 'range':
      return `range ${valueText(value.low)} ${valueText(value.high)}`;
    case 'v4-mask':
      return `${value.type} ${value.address}/${value.mask}`;
    case 'v6-prefix':
      return `${value.type} ${value.address.toString('hex')}/${value.prefix}`;
    case 'security-descriptor':
      return `${value.type} ${descriptorText(value.value)}`;
    case 'byte-array16':
    case 'byte-array6':
    case 'byte-blob':
    case 'sid':
      return `${value.type} ${value.value.toString('hex')}`;
    case 'unicode-string':
      return `${value.type} ${JSON.stringify(value.value)}`;
    default:
      return `${value.type} ${value.value}`;
  }
}

/** By its list alone: owner, group and the order of its parts do not count, and may come back changed. */
function descriptorText(descriptor: Buffer): string {
  try {
    const grants = grantsOf(descriptor);
    return grants === undefined
      ? 'everybody'
      : grants.map(({ kind, sid, access }) => `${kind} ${sidText(sid)} ${access}`).join(', ');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return descriptor.toString('hex');
  }
}
