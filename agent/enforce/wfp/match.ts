import { allowsAccess } from '../../windows/security-descriptor.js';
import { intervalOf, runsOf, wholeNumber } from './canonical.js';
import { MATCH_FILTER } from './conditions.js';
import type { Field } from './guids.js';
import type { Condition, Value } from './types.js';

/** Value of a field as a flow has it. */
export type FieldValue =
  | Value
  /** Who owns the flow: the SIDs of the process. */
  | { readonly type: 'token'; readonly sids: readonly Buffer[] };

/** Fields of a flow at a layer. One that is missing, or empty, is not known: at reauthorization that happens. */
export type FlowFields = ReadonlyMap<Field, FieldValue>;

/** All fields must hold; consecutive conditions of one field are alternatives. */
export function matchesAll(conditions: readonly Condition[], fields: FlowFields): boolean {
  return runsOf(conditions).every((run) =>
    run.some((condition) => matchesOne(condition, fields.get(condition.field) ?? { type: 'empty' })),
  );
}

/** One condition, for all kinds of match and value. Types that do not fit each other never match: WFP refuses them. */
export function matchesOne(condition: Condition, field: FieldValue): boolean {
  const { match, value } = condition;
  // FWP/ale-re-authorization: what is not known can be matched with "equal" only.
  if (field.type === 'empty') return match === 'equal';
  switch (match) {
    case 'equal':
      return isEqual(value, field) === true;
    case 'not-equal':
      return isEqual(value, field) === false;
    case 'range': {
      if (value.type !== 'range') return false;
      const [low, high] = [compare(field, value.low), compare(field, value.high)];
      return low !== undefined && high !== undefined && low >= 0 && high <= 0;
    }
    case 'greater':
    case 'less':
    case 'greater-or-equal':
    case 'less-or-equal':
      return isInOrder(match, compare(field, value));
    case 'flags-all-set':
    case 'flags-any-set':
    case 'flags-none-set':
      return hasFlags(match, field, value);
    case 'equal-case-insensitive':
      return (
        field.type === 'unicode-string' &&
        value.type === 'unicode-string' &&
        field.value.toLowerCase() === value.value.toLowerCase()
      );
    case 'prefix':
      return startsWith(field, value) === true;
    case 'not-prefix':
      return startsWith(field, value) === false;
  }
}

/** Undefined: they cannot be compared. */
function isEqual(value: Value, field: FieldValue): boolean | undefined {
  if (field.type === 'token') {
    if (value.type === 'security-descriptor') return allowsAccess(value.value, field.sids, MATCH_FILTER);
    if (value.type === 'sid') return field.sids.some((sid) => sid.equals(value.value));
    return undefined;
  }
  switch (value.type) {
    case 'v4-mask':
      return field.type === 'uint32' ? ((field.value ^ value.address) & value.mask) === 0 : undefined;
    case 'v6-prefix': {
      const network = intervalOf({ field: 'IP_REMOTE_ADDRESS', match: 'equal', value });
      const number = field.type === 'byte-array16' ? wholeNumber(field) : undefined;
      if (number === undefined || network === undefined) return undefined;
      return network.first <= number && number <= network.last;
    }
    case 'byte-blob':
    case 'sid':
    case 'security-descriptor':
      return field.type === value.type ? field.value.equals(value.value) : undefined;
    case 'unicode-string':
      return field.type === value.type ? field.value === value.value : undefined;
    default: {
      const order = compare(field, value);
      return order === undefined ? undefined : order === 0;
    }
  }
}

/** Negative: the field is below the value. Undefined: they have no order. */
function compare(field: FieldValue, value: Value): number | undefined {
  if (field.type === 'token' || field.type !== value.type) return undefined;
  if ((field.type === 'float' || field.type === 'double') && field.type === value.type) {
    return field.value - value.value;
  }
  const [a, b] = [wholeNumber(field), wholeNumber(value)];
  if (a === undefined || b === undefined) return undefined;
  return a < b ? -1 : a > b ? 1 : 0;
}

function isInOrder(
  match: 'greater' | 'less' | 'greater-or-equal' | 'less-or-equal',
  order: number | undefined,
): boolean {
  if (order === undefined) return false;
  switch (match) {
    case 'greater':
      return order > 0;
    case 'less':
      return order < 0;
    case 'greater-or-equal':
      return order >= 0;
    case 'less-or-equal':
      return order <= 0;
  }
}

function hasFlags(
  match: 'flags-all-set' | 'flags-any-set' | 'flags-none-set',
  field: FieldValue,
  value: Value,
): boolean {
  if (field.type === 'token' || field.type !== value.type) return false;
  const [set, wanted] = [wholeNumber(field), wholeNumber(value)];
  if (set === undefined || wanted === undefined) return false;
  const common = set & wanted;
  switch (match) {
    case 'flags-all-set':
      return common === wanted;
    case 'flags-any-set':
      return common !== 0n;
    case 'flags-none-set':
      return common === 0n;
  }
}

function startsWith(field: FieldValue, value: Value): boolean | undefined {
  if (field.type === 'unicode-string' && value.type === 'unicode-string') {
    return field.value.startsWith(value.value);
  }
  if (field.type === 'byte-blob' && value.type === 'byte-blob') {
    return field.value.subarray(0, value.value.length).equals(value.value);
  }
  return undefined;
}
