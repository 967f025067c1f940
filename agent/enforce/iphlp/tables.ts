import { WinError } from '../../windows/error-codes.js';
import { WindowsError } from '../../windows/library.js';
import { EnforceError } from '../enforcer.js';
import {
  MIB_TCP6ROW_OWNER_PID,
  MIB_TCP6TABLE_OWNER_PID,
  MIB_TCPROW_OWNER_PID,
  MIB_TCPTABLE_OWNER_PID,
  MIB_UDP6ROW_OWNER_PID,
  MIB_UDP6TABLE_OWNER_PID,
  MIB_UDPROW_OWNER_PID,
  MIB_UDPTABLE_OWNER_PID,
  type Field,
  type Layout,
} from './layout.js';

/** The four tables of sockets that Windows keeps. */
export const TABLE_KINDS = ['tcp4', 'tcp6', 'udp4', 'udp6'] as const;
export type TableKind = (typeof TABLE_KINDS)[number];

/** One end of a connection as a table has it. */
export interface End {
  /** 4 or 16 bytes, network order. */
  readonly address: Buffer;
  /** Interface that an IPv6 address is of; 0: none. */
  readonly scopeId: number;
  readonly port: number;
}

export interface TableRow {
  readonly kind: TableKind;
  readonly local: End;
  /** The other end; undefined for UDP, of which Windows keeps none. */
  readonly remote: End | undefined;
  /** A MIB_TCP_STATE; undefined for UDP. */
  readonly state: number | undefined;
  /** 0: nobody. */
  readonly pid: number;
}

/** Largest table that is read, bytes: more than a million sockets. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Sockets come and go between two calls: so often is a table asked for. */
const ATTEMPTS = 10;

/**
 * Reads a table whose size is known only after it was asked for, and may have grown by the next time.
 * @param call fills the buffer, whose size in bytes is the first entry of `size`, and puts the size that it needs there;
 *   returns a code of winerror.h
 * @param name of the function, for messages
 * @throws EnforceError when it fails, is larger than 64 MiB, or keeps growing
 */
export function fetchTable(name: string, call: (buffer: Buffer | null, size: [number]) => number): Buffer {
  let buffer: Buffer | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const had: number = buffer?.length ?? 0;
    const size: [number] = [had];
    const code = call(buffer, size);
    if (code === WinError.SUCCESS && buffer !== null) return buffer;
    if (code !== WinError.SUCCESS && code !== WinError.INSUFFICIENT_BUFFER) {
      throw new EnforceError(new WindowsError(name, code, 'sockets cannot be listed').message);
    }
    if (size[0] > MAX_BYTES)
      throw new EnforceError(`${name} needs ${size[0]} bytes, more than are ever read`);
    // Room for sockets that open in between; twice as much where it asks for no more than it had.
    buffer = Buffer.alloc(Math.min(MAX_BYTES, Math.max(Math.ceil(size[0] * 1.25), had * 2, 256)));
  }
  throw new EnforceError(`${name} asked for more room ${ATTEMPTS} times; try again`);
}

/**
 * Rows of a table as Windows wrote it.
 * @throws EnforceError when it claims more rows than it has room for
 */
export function readTable(kind: TableKind, buffer: Buffer): TableRow[] {
  const { table, row, read } = READERS[kind];
  const { dwNumEntries, table: rows } = table.fields;
  const count = buffer.length < rows.offset ? 0 : buffer.readUInt32LE(dwNumEntries.offset);
  if (buffer.length < rows.offset + count * row.size) {
    throw new EnforceError(`a ${table.name} of ${buffer.length} bytes claims ${count} rows; try again`);
  }
  return Array.from({ length: count }, (_, index) => {
    const start = rows.offset + index * row.size;
    return { kind, ...read(buffer.subarray(start, start + row.size)) };
  });
}

interface Reader {
  readonly table: Layout<'dwNumEntries' | 'table'>;
  readonly row: Layout;
  readonly read: (row: Buffer) => Omit<TableRow, 'kind'>;
}

const READERS: Readonly<Record<TableKind, Reader>> = {
  tcp4: {
    table: MIB_TCPTABLE_OWNER_PID,
    row: MIB_TCPROW_OWNER_PID,
    read: (row) => {
      const { dwState, dwLocalAddr, dwLocalPort, dwRemoteAddr, dwRemotePort, dwOwningPid } =
        MIB_TCPROW_OWNER_PID.fields;
      return {
        local: end(row, dwLocalAddr, dwLocalPort),
        remote: end(row, dwRemoteAddr, dwRemotePort),
        state: number(row, dwState),
        pid: number(row, dwOwningPid),
      };
    },
  },
  tcp6: {
    table: MIB_TCP6TABLE_OWNER_PID,
    row: MIB_TCP6ROW_OWNER_PID,
    read: (row) => {
      const { ucLocalAddr, dwLocalScopeId, dwLocalPort, ucRemoteAddr, dwRemoteScopeId, dwRemotePort } =
        MIB_TCP6ROW_OWNER_PID.fields;
      return {
        local: end(row, ucLocalAddr, dwLocalPort, dwLocalScopeId),
        remote: end(row, ucRemoteAddr, dwRemotePort, dwRemoteScopeId),
        state: number(row, MIB_TCP6ROW_OWNER_PID.fields.dwState),
        pid: number(row, MIB_TCP6ROW_OWNER_PID.fields.dwOwningPid),
      };
    },
  },
  udp4: {
    table: MIB_UDPTABLE_OWNER_PID,
    row: MIB_UDPROW_OWNER_PID,
    read: (row) => {
      const { dwLocalAddr, dwLocalPort, dwOwningPid } = MIB_UDPROW_OWNER_PID.fields;
      return { local: end(row, dwLocalAddr, dwLocalPort), ...UDP, pid: number(row, dwOwningPid) };
    },
  },
  udp6: {
    table: MIB_UDP6TABLE_OWNER_PID,
    row: MIB_UDP6ROW_OWNER_PID,
    read: (row) => {
      const { ucLocalAddr, dwLocalScopeId, dwLocalPort, dwOwningPid } = MIB_UDP6ROW_OWNER_PID.fields;
      return {
        local: end(row, ucLocalAddr, dwLocalPort, dwLocalScopeId),
        ...UDP,
        pid: number(row, dwOwningPid),
      };
    },
  },
};

const UDP = { remote: undefined, state: undefined };

function number(row: Buffer, { offset }: Field): number {
  return row.readUInt32LE(offset);
}

function end(row: Buffer, address: Field, port: Field, scopeId?: Field): End {
  return {
    address: row.subarray(address.offset, address.offset + address.size),
    scopeId: scopeId === undefined ? 0 : number(row, scopeId),
    // What stands in the other two bytes means nothing.
    port: row.readUInt16BE(port.offset),
  };
}
