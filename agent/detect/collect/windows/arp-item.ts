import ipaddr from 'ipaddr.js';
import { caller, systemLibrary, WindowsError, type Address } from '../../../windows/library.js';
import { WinError } from '../../../windows/error-codes.js';
import type { Collector, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf } from '../item-of.js';
import { CONSTANTS, MIB_IPNET_ROW2, MIB_IPNET_TABLE2 } from './layout.js';
import { addressAt, nativeMemory, numberAt, plainAddress } from './memory.js';
import { notHere, orNotHere } from './not-here.js';

/** Neighbours that are listed at most. */
const MOST_ROWS = 100_000;
/** IF_MAX_STRING_SIZE and its zero. */
const LONGEST_ALIAS = 257;

/** Tables of neighbours: ARP's for IPv4, neighbour discovery's for IPv6. */
export function arpCollector(): Collector {
  return collector({
    type: 'ArpEntryItem',
    properties: [
      'Interface',
      'PhysicalAddress',
      'IPv4Address',
      'IPv6Address',
      'State',
      'IsRouter',
      'CacheType',
      'InterfaceType',
    ],
    most: 2 * MOST_ROWS,
    list: async function* ({ problem }) {
      const { table, aliasOf } = await orNotHere(neighbourCalls());
      for (const [family, property] of [
        [CONSTANTS.AF_INET, 'IPv4Address'],
        [CONSTANTS.AF_INET6, 'IPv6Address'],
      ] as const) {
        try {
          yield* readNeighbours(table(family), aliasOf);
        } catch (error) {
          problem(`ArpEntryItem/${property}`, notHere(error).message);
        }
      }
    },
  });
}

interface NeighbourCalls {
  /** MIB_IPNET_TABLE2 of a family. @throws WindowsError */
  readonly table: (family: number) => Buffer;
  /** Name of an interface by its LUID, as people see it; empty where it has none. */
  readonly aliasOf: (luid: bigint) => string;
}

async function neighbourCalls(): Promise<NeighbourCalls> {
  const call = caller(await systemLibrary('iphlpapi.dll'));
  const memory = await nativeMemory();
  const getTable: (family: number, rows: [Address]) => number = call(
    'uint32_t __stdcall GetIpNetTable2(uint16_t family, _Out_ void **rows)',
  );
  const free: (rows: Address) => void = call('void __stdcall FreeMibTable(void *rows)');
  const toAlias: (luid: Buffer, alias: Buffer, characters: number) => number = call(
    'uint32_t __stdcall ConvertInterfaceLuidToAlias(void *luid, void *alias, uint64_t characters)',
  );
  const table = (family: number): Buffer => {
    const rows: [Address] = [null];
    const code = getTable(family, rows);
    try {
      if (code === WinError.NOT_FOUND) return Buffer.alloc(MIB_IPNET_TABLE2.fields.Table.offset);
      if (code !== WinError.SUCCESS) throw new WindowsError('GetIpNetTable2', code);
      const start = plainAddress(rows[0]);
      const count = Math.min(numberAt(memory.bytes(start, 4), MIB_IPNET_TABLE2.fields.NumEntries), MOST_ROWS);
      return memory.bytes(start, MIB_IPNET_TABLE2.fields.Table.offset + count * MIB_IPNET_ROW2.size);
    } finally {
      if (rows[0] !== null) free(rows[0]);
    }
  };
  const known = new Map<bigint, string>();
  const aliasOf = (luid: bigint): string => {
    const found = known.get(luid);
    if (found !== undefined) return found;
    const [bytes, alias] = [Buffer.alloc(8), Buffer.alloc(2 * LONGEST_ALIAS)];
    bytes.writeBigUInt64LE(luid);
    const code = toAlias(bytes, alias, LONGEST_ALIAS);
    const name = code === WinError.SUCCESS ? (alias.toString('utf16le').split('\0')[0] ?? '') : '';
    known.set(luid, name);
    return name;
  };
  return { table, aliasOf };
}

/** Names of NL_NEIGHBOR_STATE in the order of their numbers. */
export const NEIGHBOUR_STATES = [
  'Unreachable',
  'Incomplete',
  'Probe',
  'Delay',
  'Stale',
  'Reachable',
  'Permanent',
];
/** IANA's numbers of kinds of interfaces that computers have. */
const INTERFACE_TYPES: ReadonlyMap<number, string> = new Map([
  [6, 'Ethernet'],
  [23, 'PPP'],
  [24, 'Loopback'],
  [71, 'Wi-Fi'],
  [131, 'Tunnel'],
  [243, 'Mobile broadband'],
  [244, 'Mobile broadband'],
]);
/** Of the bits that say more: IsRouter. */
const ROUTER = 1;

/** @param table MIB_IPNET_TABLE2 with as many rows as it says */
export function* readNeighbours(table: Buffer, aliasOf: (luid: bigint) => string): Generator<Item> {
  const { offset } = MIB_IPNET_TABLE2.fields.Table;
  const { size } = MIB_IPNET_ROW2;
  for (let at = offset; at + size <= table.length; at += size) {
    yield neighbour(table.subarray(at, at + size), aliasOf);
  }
}

function neighbour(row: Buffer, aliasOf: (luid: bigint) => string): Item {
  const { fields } = MIB_IPNET_ROW2;
  const isIpv4 = numberAt(row, fields['Address.si_family']) === CONSTANTS.AF_INET;
  const place = fields[isIpv4 ? 'Address.Ipv4.sin_addr' : 'Address.Ipv6.sin6_addr'];
  const address = ipaddr.fromByteArray([...row.subarray(place.offset, place.offset + place.size)]).toString();
  const { offset: physicalAt, size: longest } = fields.PhysicalAddress;
  const length = Math.min(numberAt(row, fields.PhysicalAddressLength), longest);
  const physical =
    row
      .subarray(physicalAt, physicalAt + length)
      .toString('hex')
      .match(/../g) ?? [];
  const luid = addressAt(row, fields.InterfaceLuid);
  const state = NEIGHBOUR_STATES[numberAt(row, fields.State)];
  const index = numberAt(row, fields.InterfaceIndex);
  return itemOf('ArpEntryItem', {
    IPv4Address: isIpv4 ? address : undefined,
    IPv6Address: isIpv4 ? undefined : address,
    PhysicalAddress: physical.join(':'),
    Interface: aliasOf(luid) || String(index),
    InterfaceType: INTERFACE_TYPES.get(Number(luid >> 48n)),
    CacheType: state === 'Permanent' ? 'Static' : 'Dynamic',
    State: state,
    IsRouter: (numberAt(row, fields.Flags) & ROUTER) !== 0,
  });
}
