import type { Field, Layer } from './guids.js';
import type { Condition, Filter, Match, Value } from './types.js';

/**
 * Which layer has which field, and which values and comparisons a field takes: BFE would refuse the same, but without
 * saying which condition it means. From Microsoft's "Filtering conditions available at each filtering layer" and "Filtering
 * condition identifiers".
 */

const ADDRESSES: readonly Field[] = ['IP_LOCAL_ADDRESS', 'IP_REMOTE_ADDRESS'];
const PORTS: readonly Field[] = ['IP_LOCAL_PORT', 'IP_REMOTE_PORT'];
const OWNER: readonly Field[] = ['ALE_APP_ID', 'ALE_USER_ID', 'ALE_PACKAGE_ID'];
const INTERFACE: readonly Field[] = ['FLAGS', 'IP_LOCAL_INTERFACE', 'INTERFACE_TYPE'];

const FLOW = [...OWNER, 'IP_PROTOCOL', ...ADDRESSES, ...PORTS, ...INTERFACE] as const;
const LISTEN = [...OWNER, 'IP_LOCAL_ADDRESS', 'IP_LOCAL_PORT', ...INTERFACE] as const;
const TRANSPORT = ['IP_PROTOCOL', ...ADDRESSES, ...PORTS, ...INTERFACE] as const;
/** The fields of ports are those of an ICMP message's type and code there. */
const ICMP_ERROR = [...ADDRESSES, ...PORTS, ...INTERFACE] as const;
const FORWARD: readonly Field[] = ['FLAGS', 'IP_LOCAL_INTERFACE'];

/** Without its family: both have the same fields. */
type Place = Layer extends `${infer Name}_V${4 | 6}` ? Name : never;

const FIELDS_OF: Readonly<Record<Place, readonly Field[]>> = {
  ALE_AUTH_CONNECT: FLOW,
  ALE_AUTH_RECV_ACCEPT: FLOW,
  ALE_AUTH_LISTEN: LISTEN,
  ALE_RESOURCE_ASSIGNMENT: [...LISTEN, 'IP_PROTOCOL'],
  INBOUND_TRANSPORT: TRANSPORT,
  OUTBOUND_TRANSPORT: TRANSPORT,
  INBOUND_ICMP_ERROR: ICMP_ERROR,
  OUTBOUND_ICMP_ERROR: ICMP_ERROR,
  IPFORWARD: FORWARD,
};

type Type = Value['type'];

/** Types for comparisons of one value; a range of the first one is possible wherever it has an order. */
function typesOf(field: Field, family: 4 | 6): readonly Type[] {
  switch (field) {
    case 'ALE_APP_ID':
      return ['byte-blob'];
    case 'ALE_USER_ID':
      return ['security-descriptor'];
    case 'ALE_PACKAGE_ID':
      return ['sid'];
    case 'IP_PROTOCOL':
      return ['uint8'];
    case 'IP_LOCAL_ADDRESS':
    case 'IP_REMOTE_ADDRESS':
      return family === 4 ? ['uint32', 'v4-mask'] : ['byte-array16', 'v6-prefix'];
    case 'IP_LOCAL_PORT':
    case 'IP_REMOTE_PORT':
      return ['uint16'];
    case 'FLAGS':
    case 'L2_FLAGS':
    case 'INTERFACE_TYPE':
      return ['uint32'];
    case 'IP_LOCAL_INTERFACE':
      return ['uint64'];
  }
}

const INTEGER_TYPES: readonly Type[] = [
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'int8',
  'int16',
  'int32',
  'int64',
];

/** Windows calls these sortable. */
const SORTABLE: readonly Type[] = [...INTEGER_TYPES, 'byte-array16', 'byte-blob', 'unicode-string'];

/** Types that a comparison takes. Undefined: every one but a range. */
function typesFor(match: Match): readonly Type[] | undefined {
  switch (match) {
    case 'equal':
      return undefined;
    case 'not-equal':
      return [...SORTABLE, 'v4-mask', 'v6-prefix'];
    case 'range':
      return ['range'];
    case 'greater':
    case 'less':
    case 'greater-or-equal':
    case 'less-or-equal':
      return SORTABLE;
    case 'flags-all-set':
    case 'flags-any-set':
    case 'flags-none-set':
      return INTEGER_TYPES;
    case 'equal-case-insensitive':
      return ['unicode-string'];
    case 'prefix':
    case 'not-prefix':
      return ['byte-blob', 'unicode-string'];
  }
}

/**
 * Refuses what BFE would refuse, and what it would take but understand otherwise than it reads.
 * @throws RangeError naming the filter and the condition
 */
export function checkConditions({ name, layer, conditions }: Filter): void {
  const family = layer.endsWith('_V4') ? 4 : 6;
  const fields = FIELDS_OF[layer.slice(0, -'_V4'.length) as Place];
  conditions.forEach((condition, index) => {
    const where = conditionName(name, index, condition.field);
    if (!fields.includes(condition.field))
      throw new RangeError(`${where}: the layer ${layer} has no such field`);
    checkTypes(condition, family, where, layer);
    checkGrouping(conditions, index, where);
  });
}

/** How messages name a condition; counted from 1. */
export function conditionName(filter: string, index: number, field: Field): string {
  return `filter "${filter}": condition ${index + 1} (${field})`;
}

function checkTypes({ field, match, value }: Condition, family: 4 | 6, where: string, layer: Layer): void {
  const taken = typesFor(match);
  if (taken === undefined ? value.type === 'range' : !taken.includes(value.type)) {
    throw new RangeError(`${where}: "${match}" does not compare with a value of type ${value.type}`);
  }
  const types = typesOf(field, family);
  const type = value.type === 'range' ? value.low.type : value.type;
  // The first one is that of the field itself; the others stand for a set of its values, which has no ends.
  const fits = value.type === 'range' ? types[0] === type : types.includes(type);
  if (!fits) {
    throw new RangeError(`${where}: at ${layer} the field takes ${types.join(' or ')}, not ${type}`);
  }
}

/**
 * Conditions on one field are alternatives where they stand together; apart they would all have to hold, which no packet can
 * do. Not grouped here in silence: what is read back shall be what was asked for, in the same order.
 */
function checkGrouping(conditions: readonly Condition[], index: number, where: string): void {
  const field = conditions[index]?.field;
  if (conditions[index - 1]?.field === field) return;
  if (conditions.slice(0, index).some((earlier) => earlier.field === field)) {
    throw new RangeError(`${where}: put the conditions of one field one after the other`);
  }
}
