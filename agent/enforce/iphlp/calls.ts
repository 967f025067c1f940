import type { LibraryHandle } from 'koffi';
import { systemLibrary } from '../../windows/library.js';
import { EnforceError } from '../enforcer.js';
import { NSI_SET_DELETE, NSI_STORE_ACTIVE, NSI_TCP_CONNECTIONS, NSI_TCP_MODULE } from './delete-rows.js';
import { CONSTANTS, MIB_TCPROW } from './layout.js';
import { servicesCall } from './service-manager.js';
import type { ServicesByPid } from './services.js';
import type { TableKind } from './tables.js';

/** Libraries in other places than the system folder, for tests. */
export interface LibraryPaths {
  readonly iphlpapi?: string;
  readonly nsi?: string;
}

/** What is asked of Windows here. Codes are those of winerror.h, 0 for success. */
export interface WindowsCalls {
  /** GetExtendedTcpTable or GetExtendedUdpTable, as `fetchTable` calls it. */
  readonly table: (kind: TableKind, buffer: Buffer | null, size: [number]) => number;
  /** SetTcpEntry with a MIB_TCPROW. */
  readonly setTcpEntry: (row: Buffer) => number;
  /** Ends an IPv6 connection by its key; a text says why this Windows cannot. */
  readonly deleteTcp6: ((key: Buffer) => number) | string;
  /** Win32 path of the program of a process; empty where it is not known. */
  readonly imagePath: (pid: number) => string;
  /** Rejects where the service manager does not answer within some seconds. */
  readonly services: () => Promise<ServicesByPid>;
}

/** The function that gives a table. */
export function tableFunction(kind: TableKind): 'GetExtendedTcpTable' | 'GetExtendedUdpTable' {
  return kind === 'tcp4' || kind === 'tcp6' ? 'GetExtendedTcpTable' : 'GetExtendedUdpTable';
}

const loaded = new Map<string, Promise<WindowsCalls>>();

/**
 * Loads the libraries, once for the same paths.
 * @throws EnforceError where this is no Windows
 */
export function windowsCalls(paths: LibraryPaths = {}): Promise<WindowsCalls> {
  const name = JSON.stringify([paths.iphlpapi, paths.nsi]);
  const known = loaded.get(name);
  if (known) return known;
  const calls = load(paths).catch((error: unknown) => {
    loaded.delete(name);
    throw new EnforceError(`connections of Windows cannot be read: ${(error as Error).message}`);
  });
  loaded.set(name, calls);
  return calls;
}

async function load(paths: LibraryPaths): Promise<WindowsCalls> {
  const [iphlpapi, kernel32, advapi32] = await Promise.all([
    systemLibrary('iphlpapi.dll', paths.iphlpapi),
    systemLibrary('kernel32.dll'),
    systemLibrary('advapi32.dll'),
  ]);
  const { default: koffi } = await import('koffi');
  const setTcpEntry = iphlpapi.func('uint32_t __stdcall SetTcpEntry(void *row)') as (row: Buffer) => number;
  return {
    table: tableCall(iphlpapi),
    setTcpEntry: (row) => {
      if (row.length !== MIB_TCPROW.size) throw new RangeError('not a MIB_TCPROW');
      return setTcpEntry(row);
    },
    deleteTcp6: await deleteTcp6Call(paths.nsi),
    imagePath: imagePathCall(kernel32),
    services: servicesCall(advapi32, (buffer) => koffi.address(buffer)),
  };
}

type TableCall = (buffer: Buffer | null, size: [number]) => number;

function tableCall(iphlpapi: LibraryHandle): WindowsCalls['table'] {
  const { AF_INET, AF_INET6, TCP_TABLE_OWNER_PID_ALL, UDP_TABLE_OWNER_PID } = CONSTANTS;
  const prepared = (kind: TableKind, family: number, tableClass: number): TableCall => {
    const call = iphlpapi.func(
      `uint32_t __stdcall ${tableFunction(kind)}(void *table, _Inout_ uint32_t *size, int order, uint32_t family, int tableClass, uint32_t reserved)`,
    );
    return (buffer, size) => call(buffer, size, 0, family, tableClass, 0) as number;
  };
  const calls: Readonly<Record<TableKind, TableCall>> = {
    tcp4: prepared('tcp4', AF_INET, TCP_TABLE_OWNER_PID_ALL),
    tcp6: prepared('tcp6', AF_INET6, TCP_TABLE_OWNER_PID_ALL),
    udp4: prepared('udp4', AF_INET, UDP_TABLE_OWNER_PID),
    udp6: prepared('udp6', AF_INET6, UDP_TABLE_OWNER_PID),
  };
  return (kind, buffer, size) => calls[kind](buffer, size);
}

/** No document describes this call; a Windows that no longer has it keeps its IPv6 connections, and says so. */
async function deleteTcp6Call(path: string | undefined): Promise<WindowsCalls['deleteTcp6']> {
  const missing = 'this Windows has no way to end IPv6 connections; the packet filter keeps them silent';
  try {
    const nsi = await systemLibrary('nsi.dll', path);
    const setAllParameters = nsi.func(
      'uint32_t __stdcall NsiSetAllParameters(uint32_t store, uint32_t action, void *module, uint32_t object, void *key, uint32_t keySize, void *value, uint32_t valueSize)',
    );
    return (key) =>
      setAllParameters(
        NSI_STORE_ACTIVE,
        NSI_SET_DELETE,
        NSI_TCP_MODULE,
        NSI_TCP_CONNECTIONS,
        key,
        key.length,
        null,
        0,
      ) as number;
  } catch (error) {
    return `${missing} (nsi.dll: ${(error as Error).message.replace(/\.$/, '')})`;
  }
}

/** Longest path of Windows, characters, with its NUL. */
const MAX_PATH = 32_768;

function imagePathCall(kernel32: LibraryHandle): WindowsCalls['imagePath'] {
  const openProcess = kernel32.func(
    'void * __stdcall OpenProcess(uint32_t access, int inherit, uint32_t pid)',
  ) as (access: number, inherit: number, pid: number) => bigint | null;
  const queryName = kernel32.func(
    'int __stdcall QueryFullProcessImageNameW(void *process, uint32_t flags, void *name, _Inout_ uint32_t *size)',
  ) as (process: bigint, flags: number, name: Buffer, size: [number]) => number;
  const closeHandle = kernel32.func('int __stdcall CloseHandle(void *handle)') as (handle: bigint) => number;
  const name = Buffer.alloc(2 * MAX_PATH);
  return (pid) => {
    const handle = pid === 0 ? null : openProcess(CONSTANTS.PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
    if (handle === null || handle === 0n) return '';
    try {
      const size: [number] = [MAX_PATH];
      return queryName(handle, 0, name, size) === 0 ? '' : name.toString('utf16le', 0, 2 * size[0]);
    } finally {
      closeHandle(handle);
    }
  };
}
