/**
 * The structures of fwptypes.h and fwpmtypes.h as data. The types that koffi reads and writes are built from it, and so is
 * the C file by which a test lets the compiler compare every size and offset with the real headers.
 */

export type Scalar =
  'uint8' | 'uint16' | 'uint32' | 'uint64' | 'int8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64';

export type FieldType =
  | Scalar
  /** An address that nothing is known of. Written from a Buffer, a bigint or null; read as a bigint. */
  | 'pointer'
  /** Address of a text in UTF-16 that ends with a zero. */
  | 'text'
  | { readonly struct: string }
  /** Address of one or several. Written from an object, or an array of them; read as a bigint. */
  | { readonly to: string }
  | { readonly array: Scalar; readonly length: number }
  /** The headers give it no name: its members are named as if they belonged to the structure itself. */
  | { readonly union: readonly Field[] };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Bytes that the header used for comparison gives it, where that is known to be older than Windows itself. */
  readonly headerSize?: number;
  /** Ours: an address read without saying yet what is there. */
  readonly ours?: true;
}

/** Name in C -> fields in order. One that refers to another stands behind it. */
export type Layouts = Readonly<Record<string, readonly Field[]>>;

const field = (name: string, type: FieldType): Field => ({ name, type });
const struct = (name: string): FieldType => ({ struct: name });
const to = (name: string): FieldType => ({ to: name });

const VALUE_MEMBERS: readonly Field[] = [
  field('uint8', 'uint8'),
  field('uint16', 'uint16'),
  field('uint32', 'uint32'),
  field('uint64', to('uint64')),
  field('int8', 'int8'),
  field('int16', 'int16'),
  field('int32', 'int32'),
  field('int64', to('int64')),
  field('float32', 'float32'),
  field('double64', to('float64')),
  field('byteArray16', to('FWP_BYTE_ARRAY16')),
  field('byteBlob', to('FWP_BYTE_BLOB')),
  field('sid', 'pointer'),
  field('sd', to('FWP_BYTE_BLOB')),
  field('unicodeString', 'text'),
  field('byteArray6', to('FWP_BYTE_ARRAY6')),
  { name: 'address', type: 'pointer', ours: true },
];

/** Members that every object begins with. */
const display = field('displayData', struct('FWPM_DISPLAY_DATA0'));

export const WFP_LAYOUTS: Layouts = {
  GUID: [
    field('Data1', 'uint32'),
    field('Data2', 'uint16'),
    field('Data3', 'uint16'),
    field('Data4', { array: 'uint8', length: 8 }),
  ],
  FWP_BYTE_ARRAY6: [field('byteArray6', { array: 'uint8', length: 6 })],
  FWP_BYTE_ARRAY16: [field('byteArray16', { array: 'uint8', length: 16 })],
  FWP_BYTE_BLOB: [field('size', 'uint32'), field('data', 'pointer')],
  FWP_VALUE0: [field('type', 'uint32'), field('value', { union: VALUE_MEMBERS })],
  FWP_V4_ADDR_AND_MASK: [field('addr', 'uint32'), field('mask', 'uint32')],
  FWP_V6_ADDR_AND_MASK: [field('addr', { array: 'uint8', length: 16 }), field('prefixLength', 'uint8')],
  FWP_RANGE0: [field('valueLow', struct('FWP_VALUE0')), field('valueHigh', struct('FWP_VALUE0'))],
  FWP_CONDITION_VALUE0: [
    field('type', 'uint32'),
    field('value', {
      union: [
        ...VALUE_MEMBERS,
        field('v4AddrMask', to('FWP_V4_ADDR_AND_MASK')),
        field('v6AddrMask', to('FWP_V6_ADDR_AND_MASK')),
        field('rangeValue', to('FWP_RANGE0')),
      ],
    }),
  ],
  FWPM_DISPLAY_DATA0: [field('name', 'text'), field('description', 'text')],
  FWPM_SESSION0: [
    field('sessionKey', struct('GUID')),
    display,
    field('flags', 'uint32'),
    field('txnWaitTimeoutInMSec', 'uint32'),
    field('processId', 'uint32'),
    field('sid', 'pointer'),
    field('username', 'text'),
    field('kernelMode', 'int32'),
  ],
  FWPM_PROVIDER0: [
    field('providerKey', struct('GUID')),
    display,
    field('flags', 'uint32'),
    field('providerData', struct('FWP_BYTE_BLOB')),
    field('serviceName', 'text'),
  ],
  FWPM_SUBLAYER0: [
    field('subLayerKey', struct('GUID')),
    display,
    // Microsoft's own headers have 32 bits here; those of mingw-w64 still have the 16 of Windows 7. The offset is the same,
    // and the two bytes behind were padding.
    { name: 'flags', type: 'uint32', headerSize: 2 },
    field('providerKey', to('GUID')),
    field('providerData', struct('FWP_BYTE_BLOB')),
    field('weight', 'uint16'),
  ],
  FWPM_ACTION0: [field('type', 'uint32'), field('filterType', struct('GUID'))],
  FWPM_FILTER_CONDITION0: [
    field('fieldKey', struct('GUID')),
    field('matchType', 'uint32'),
    field('conditionValue', struct('FWP_CONDITION_VALUE0')),
  ],
  FWPM_FILTER0: [
    field('filterKey', struct('GUID')),
    display,
    field('flags', 'uint32'),
    field('providerKey', to('GUID')),
    field('providerData', struct('FWP_BYTE_BLOB')),
    field('layerKey', struct('GUID')),
    field('subLayerKey', struct('GUID')),
    field('weight', struct('FWP_VALUE0')),
    field('numFilterConditions', 'uint32'),
    field('filterCondition', to('FWPM_FILTER_CONDITION0')),
    field('action', struct('FWPM_ACTION0')),
    field('context', {
      union: [field('rawContext', 'uint64'), field('providerContextKey', struct('GUID'))],
    }),
    field('reserved', 'pointer'),
    field('filterId', 'uint64'),
    field('effectiveWeight', struct('FWP_VALUE0')),
  ],
  FWPM_FILTER_ENUM_TEMPLATE0: [
    field('providerKey', to('GUID')),
    field('layerKey', struct('GUID')),
    field('enumType', 'uint32'),
    field('flags', 'uint32'),
    field('providerContextTemplate', 'pointer'),
    field('numFilterConditions', 'uint32'),
    field('filterCondition', 'pointer'),
    field('actionMask', 'uint32'),
    field('calloutKey', 'pointer'),
  ],
  FWPM_FILTER_CHANGE0: [
    field('changeType', 'uint32'),
    field('filterKey', struct('GUID')),
    field('filterId', 'uint64'),
  ],
  FWPM_FILTER_SUBSCRIPTION0: [
    field('enumTemplate', to('FWPM_FILTER_ENUM_TEMPLATE0')),
    field('flags', 'uint32'),
    field('sessionKey', struct('GUID')),
  ],
};
