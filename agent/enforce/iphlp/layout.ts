/**
 * The structures of Windows that are read and written here, as data: offsets and sizes in bytes on 64-bit Windows. A test
 * has the C compiler compare them with the headers.
 */

export interface Field {
  readonly offset: number;
  readonly size: number;
}

export interface Layout<Name extends string = string> {
  /** Name in the headers; fields have the names that they have there. */
  readonly name: string;
  readonly size: number;
  readonly fields: Readonly<Record<Name, Field>>;
}

const dword = (offset: number): Field => ({ offset, size: 4 });
const in6 = (offset: number): Field => ({ offset, size: 16 });

/** What SetTcpEntry takes. Addresses and ports are in network order, a port in the first two of its four bytes. */
export const MIB_TCPROW = {
  name: 'MIB_TCPROW',
  size: 20,
  fields: {
    dwState: dword(0),
    dwLocalAddr: dword(4),
    dwLocalPort: dword(8),
    dwRemoteAddr: dword(12),
    dwRemotePort: dword(16),
  },
} satisfies Layout;

export const MIB_TCPROW_OWNER_PID = {
  name: 'MIB_TCPROW_OWNER_PID',
  size: 24,
  fields: {
    dwState: dword(0),
    dwLocalAddr: dword(4),
    dwLocalPort: dword(8),
    dwRemoteAddr: dword(12),
    dwRemotePort: dword(16),
    dwOwningPid: dword(20),
  },
} satisfies Layout;

export const MIB_TCP6ROW_OWNER_PID = {
  name: 'MIB_TCP6ROW_OWNER_PID',
  size: 56,
  fields: {
    ucLocalAddr: in6(0),
    dwLocalScopeId: dword(16),
    dwLocalPort: dword(20),
    ucRemoteAddr: in6(24),
    dwRemoteScopeId: dword(40),
    dwRemotePort: dword(44),
    dwState: dword(48),
    dwOwningPid: dword(52),
  },
} satisfies Layout;

export const MIB_UDPROW_OWNER_PID = {
  name: 'MIB_UDPROW_OWNER_PID',
  size: 12,
  fields: { dwLocalAddr: dword(0), dwLocalPort: dword(4), dwOwningPid: dword(8) },
} satisfies Layout;

export const MIB_UDP6ROW_OWNER_PID = {
  name: 'MIB_UDP6ROW_OWNER_PID',
  size: 28,
  fields: {
    ucLocalAddr: in6(0),
    dwLocalScopeId: dword(16),
    dwLocalPort: dword(20),
    dwOwningPid: dword(24),
  },
} satisfies Layout;

/** A table begins with the number of its rows. The rows follow at once: none of them needs more than 4 bytes' alignment. */
export const MIB_TCPTABLE_OWNER_PID = table('MIB_TCPTABLE_OWNER_PID', MIB_TCPROW_OWNER_PID);
export const MIB_TCP6TABLE_OWNER_PID = table('MIB_TCP6TABLE_OWNER_PID', MIB_TCP6ROW_OWNER_PID);
export const MIB_UDPTABLE_OWNER_PID = table('MIB_UDPTABLE_OWNER_PID', MIB_UDPROW_OWNER_PID);
export const MIB_UDP6TABLE_OWNER_PID = table('MIB_UDP6TABLE_OWNER_PID', MIB_UDP6ROW_OWNER_PID);

/** As C declares it: with one row. */
function table(name: string, row: Layout): Layout<'dwNumEntries' | 'table'> {
  return {
    name,
    size: 4 + row.size,
    fields: { dwNumEntries: dword(0), table: { offset: 4, size: row.size } },
  };
}

/** Port and address in network order, the rest in the machine's. */
export const SOCKADDR_IN6 = {
  name: 'SOCKADDR_IN6',
  size: 28,
  fields: {
    sin6_family: { offset: 0, size: 2 },
    sin6_port: { offset: 2, size: 2 },
    sin6_flowinfo: dword(4),
    sin6_addr: in6(8),
    sin6_scope_id: dword(24),
  },
} satisfies Layout;

export const ENUM_SERVICE_STATUS_PROCESSW = {
  name: 'ENUM_SERVICE_STATUS_PROCESSW',
  size: 56,
  fields: {
    lpServiceName: { offset: 0, size: 8 },
    'ServiceStatusProcess.dwProcessId': dword(44),
  },
} satisfies Layout;

export const LAYOUTS: readonly Layout[] = [
  MIB_TCPROW,
  MIB_TCPROW_OWNER_PID,
  MIB_TCP6ROW_OWNER_PID,
  MIB_UDPROW_OWNER_PID,
  MIB_UDP6ROW_OWNER_PID,
  MIB_TCPTABLE_OWNER_PID,
  MIB_TCP6TABLE_OWNER_PID,
  MIB_UDPTABLE_OWNER_PID,
  MIB_UDP6TABLE_OWNER_PID,
  SOCKADDR_IN6,
  ENUM_SERVICE_STATUS_PROCESSW,
];

/** Values that the headers define, by their names there. */
export const CONSTANTS = {
  AF_INET: 2,
  AF_INET6: 23,
  TCP_TABLE_OWNER_PID_ALL: 5,
  UDP_TABLE_OWNER_PID: 1,
  PROCESS_QUERY_LIMITED_INFORMATION: 0x1000,
  SC_MANAGER_CONNECT: 1,
  SC_MANAGER_ENUMERATE_SERVICE: 4,
  SC_ENUM_PROCESS_INFO: 0,
  SERVICE_WIN32: 0x30,
  SERVICE_ACTIVE: 1,
  MIB_TCP_STATE_DELETE_TCB: 12,
} as const;
