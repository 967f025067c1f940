import ipaddr from 'ipaddr.js';
import type { Field } from '../../../enforce/iphlp/layout.js';
import { WinError } from '../../../windows/error-codes.js';
import { caller, systemLibrary, type Address } from '../../../windows/library.js';
import { waiting, within } from '../../../windows/later.js';
import type { Collector } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { CONSTANTS, DNS_CACHE_ENTRY, DNS_RECORDW } from './layout.js';
import { addressAt, nativeMemory, numberAt, plainAddress, type Memory } from './memory.js';
import { orNotHere, reasonOf } from './not-here.js';

/** Names in the cache of this computer's DNS client. */
export interface CachedName {
  readonly name: string;
  /** DNS_TYPE_A and so on. */
  readonly type: number;
  readonly length: number;
  readonly flags: number;
}

/** What is known of a name. */
export interface CachedRecord {
  readonly name: string;
  readonly type: number;
  readonly length: number;
  /** Seconds. */
  readonly timeToLive: number;
  readonly host?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export interface DnsCalls {
  /** @throws Error where this Windows does not tell */
  names(): Promise<CachedName[]>;
  /** Records that the cache has; no server is asked. Empty: none. @throws Error where nobody answers */
  records(name: string, type: number): Promise<CachedRecord[]>;
}

/** The DNS client is a service, which may be busy: longest wait for one answer, milliseconds. */
const DEADLINE_MS = 10_000;
/** Names and records of one answer that are read; a list without end ends here. */
const MOST_NAMES = 100_000;
const MOST_RECORDS = 1_000;

const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
]);

/** The cache of the DNS client: names that programs have asked for, and what they were told. */
export function dnsCollector(open: () => Promise<DnsCalls> = dnsCalls): Collector {
  return collector({
    type: 'DnsEntryItem',
    properties: [
      'Host',
      'RecordName',
      'RecordType',
      'Flags',
      'TimeToLive',
      'DataLength',
      'RecordData/Host',
      'RecordData/IPv4Address',
      'RecordData/IPv6Address',
    ],
    most: 2 * MOST_NAMES,
    list: async function* (request, asks) {
      const calls = await orNotHere(open());
      const names = await orNotHere(calls.names());
      const wantsRecords = ['TimeToLive', 'DataLength', 'RecordData'].some(asks);
      for (const cached of names) {
        let records: CachedRecord[] = [];
        try {
          if (wantsRecords) records = await calls.records(cached.name, cached.type);
        } catch (error) {
          request.problem(`DNS entry ${cached.name}`, reasonOf(error));
        }
        const entry = {
          Host: cached.name,
          RecordName: cached.name,
          RecordType: TYPES.get(cached.type) ?? String(cached.type),
          Flags: `0x${cached.flags.toString(16)}`,
        };
        if (records.length === 0) yield itemOf('DnsEntryItem', entry);
        for (const record of records) yield itemOf('DnsEntryItem', { ...entry, ...ofRecord(record) });
      }
    },
  });
}

function ofRecord(record: CachedRecord): Record<string, Known> {
  return {
    RecordName: record.name,
    RecordType: TYPES.get(record.type) ?? String(record.type),
    TimeToLive: record.timeToLive,
    DataLength: record.length,
    'RecordData/Host': record.host,
    'RecordData/IPv4Address': record.ipv4,
    'RecordData/IPv6Address': record.ipv6,
  };
}

/**
 * DnsGetCacheDataTable is in no document; `ipconfig /displaydns` rests on it, and it has been the same since Windows 2000.
 * @param library path of dnsapi.dll, for tests
 * @throws Error where this Windows does not have it
 */
export async function dnsCalls(library?: string): Promise<DnsCalls> {
  const dnsapi = await systemLibrary('dnsapi.dll', library);
  const memory = await nativeMemory();
  const table = waiting(dnsapi.func('int __stdcall DnsGetCacheDataTable(_Out_ void **)'));
  const query = waiting(
    dnsapi.func('int32_t __stdcall DnsQuery_W(str16, uint16_t, uint32_t, void *, _Out_ void **, void *)'),
  );
  const free: (memory: Address, kind: number) => void = caller(dnsapi)('void __stdcall DnsFree(void *, int)');
  return {
    names: async () => {
      const first: [Address] = [null];
      const answer = await within(DEADLINE_MS, 'the DNS client does not answer', table(first));
      if (answer === 0) throw new Error('DnsGetCacheDataTable tells nothing');
      return readCache(plainAddress(first[0]), memory, (block) => free(block, CONSTANTS.DnsFreeFlat));
    },
    records: async (name, type) => {
      const first: [Address] = [null];
      const asked = query(name, type, CONSTANTS.DNS_QUERY_NO_WIRE_QUERY, null, first, null);
      const code = await within(DEADLINE_MS, 'the DNS client does not answer', asked);
      try {
        return code === WinError.SUCCESS ? readRecords(plainAddress(first[0]), memory) : [];
      } finally {
        if (first[0] !== null) free(first[0], CONSTANTS.DnsFreeRecordList);
      }
    },
  };
}

/** @param release frees an entry, and a name, once it is read */
export function readCache(first: bigint, memory: Memory, release: (block: bigint) => void): CachedName[] {
  const { size, fields } = DNS_CACHE_ENTRY;
  const names: CachedName[] = [];
  for (let at = first; at !== 0n && names.length < MOST_NAMES;) {
    const entry = memory.bytes(at, size);
    const name = addressAt(entry, fields.pszName);
    names.push({
      name: memory.text(name),
      type: numberAt(entry, fields.wType),
      length: numberAt(entry, fields.wDataLength),
      flags: numberAt(entry, fields.dwFlags),
    });
    if (name !== 0n) release(name);
    release(at);
    at = addressAt(entry, fields.pNext);
  }
  return names;
}

/** Records of a DNS_RECORDW list: of each only as many bytes as its type has. */
export function readRecords(first: bigint, memory: Memory): CachedRecord[] {
  const { fields } = DNS_RECORDW;
  const records: CachedRecord[] = [];
  for (let at = first; at !== 0n && records.length < MOST_RECORDS;) {
    const header = memory.bytes(at, fields['Data.A.IpAddress'].offset);
    const type = numberAt(header, fields.wType);
    records.push({
      name: memory.text(addressAt(header, fields.pName)),
      type,
      length: numberAt(header, fields.wDataLength),
      timeToLive: numberAt(header, fields.dwTtl),
      ...dataOf(type, at, memory),
    });
    at = addressAt(header, fields.pNext);
  }
  return records;
}

function dataOf(type: number, at: bigint, memory: Memory): Pick<CachedRecord, 'host' | 'ipv4' | 'ipv6'> {
  const data = ({ offset, size }: Field): Buffer => memory.bytes(at + BigInt(offset), size);
  const address = (field: Field): string => ipaddr.fromByteArray([...data(field)]).toString();
  const { fields } = DNS_RECORDW;
  if (type === CONSTANTS.DNS_TYPE_A) return { ipv4: address(fields['Data.A.IpAddress']) };
  if (type === CONSTANTS.DNS_TYPE_AAAA) return { ipv6: address(fields['Data.AAAA.Ip6Address']) };
  if (!NAMES_A_HOST.includes(type)) return {};
  return { host: memory.text(data(fields['Data.PTR.pNameHost']).readBigUInt64LE()) };
}

const NAMES_A_HOST: readonly number[] = [
  CONSTANTS.DNS_TYPE_NS,
  CONSTANTS.DNS_TYPE_CNAME,
  CONSTANTS.DNS_TYPE_PTR,
];
