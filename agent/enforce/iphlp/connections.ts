import { setImmediate } from 'node:timers/promises';
import type { Connection } from '../../../shared/gen/cordon/v1/network.js';
import { WinError } from '../../windows/error-codes.js';
import { WindowsError } from '../../windows/library.js';
import { isLocal } from '../connections/allows.js';
import { ownAddresses } from '../connections/own-addresses.js';
import { sweepConnections, type ListedSocket, type SocketPlatform } from '../connections/sweep.js';
import type { Terminated } from '../enforcer.js';
import type { Plan } from '../plan.js';
import { tableFunction, windowsCalls, type LibraryPaths, type WindowsCalls } from './calls.js';
import { deleteTcpRow, nsiTcpKey } from './delete-rows.js';
import { asIpv4, describeRow } from './describe.js';
import { belongsTo } from './owner.js';
import type { ServicesByPid } from './services.js';
import { fetchTable, readTable, TABLE_KINDS, type TableRow } from './tables.js';

/** A socket as everybody sees it, and the row that it is. */
interface WindowsSocket extends ListedSocket {
  readonly row: TableRow;
}

/**
 * TCP and UDP sockets of this computer with their processes; those between two addresses of this computer left out.
 * @throws EnforceError when Windows does not give them
 */
export async function listConnections(libraries: LibraryPaths = {}): Promise<Connection[]> {
  const own = ownAddresses();
  return (await listSockets(libraries)).filter((connection) => !isLocal(connection, own));
}

/** Every TCP and UDP socket, loopback included. */
export async function listSockets(libraries: LibraryPaths = {}): Promise<Connection[]> {
  return socketsOf(await windowsCalls(libraries)).map(({ connection }) => connection);
}

/**
 * Ends every TCP connection that the plan does not allow: the local program gets an error, the other end a reset.
 * Call it after the filters are in force, so that none comes back. A connection that Windows does not end is silent all
 * the same: the filters are asked again for its next packet.
 * @param agentPid process that holds the agent's own channel
 * @throws EnforceError when Windows does not list its sockets
 */
export async function terminateConnections(
  plan: Plan,
  agentPid: number,
  libraries: LibraryPaths = {},
): Promise<Terminated> {
  return sweepConnections(windowsSockets(await windowsCalls(libraries)), plan, agentPid);
}

function windowsSockets(calls: WindowsCalls): SocketPlatform<WindowsSocket> {
  return {
    list: () => Promise.resolve(socketsOf(calls)),
    ownership: async (plan) => {
      const named = plan.rules.some(({ application }) => application?.kind === 'windows-service');
      // Where they are not known, no connection is a service's: it is ended rather than left open.
      const services: ServicesByPid = named ? await calls.services().catch(() => new Map()) : new Map();
      const imagePath = remembering(calls.imagePath);
      return ({ processId }) =>
        (application) =>
          belongsTo(application, processId, imagePath, services);
    },
    end: (sockets) => endSockets(calls, sockets),
  };
}

function socketsOf(calls: WindowsCalls): WindowsSocket[] {
  const imagePath = remembering(calls.imagePath);
  return TABLE_KINDS.flatMap((kind) => {
    const table = fetchTable(tableFunction(kind), (buffer, size) => calls.table(kind, buffer, size));
    return readTable(kind, table).map((row) => ({ row, connection: describeRow(row, imagePath) }));
  });
}

/** Each process is looked up once: a server has thousands of connections in one. */
function remembering(imagePath: (pid: number) => string): (pid: number) => string {
  const known = new Map<number, string>();
  return (pid) => {
    const path = known.get(pid) ?? imagePath(pid);
    known.set(pid, path);
    return path;
  };
}

/** Connections that are ended before other work of the agent gets its turn: some milliseconds. */
const SLICE = 200;

async function endSockets(
  calls: WindowsCalls,
  sockets: readonly WindowsSocket[],
): Promise<ReadonlyMap<WindowsSocket, string>> {
  const reasons = new Map<WindowsSocket, string>();
  for (const [index, socket] of sockets.entries()) {
    if (index % SLICE === SLICE - 1) await setImmediate();
    const why = endRow(calls, socket.row);
    if (why !== undefined) reasons.set(socket, why);
  }
  return reasons;
}

/** Why it could not be ended; undefined: Windows says that it was. */
function endRow(calls: WindowsCalls, { local, remote }: TableRow): string | undefined {
  if (remote === undefined) return 'Windows keeps no other end of it';
  const [from, to] = [asIpv4(local.address), asIpv4(remote.address)];
  if (from !== undefined && to !== undefined) {
    const row = deleteTcpRow({ address: from, port: local.port }, { address: to, port: remote.port });
    return reasonOf('SetTcpEntry', calls.setTcpEntry(row));
  }
  if (typeof calls.deleteTcp6 === 'string') return calls.deleteTcp6;
  return reasonOf('NsiSetAllParameters', calls.deleteTcp6(nsiTcpKey(local, remote)));
}

function reasonOf(call: string, code: number): string | undefined {
  switch (code) {
    case WinError.SUCCESS:
      return undefined;
    // 317: there is no such connection. Most often it has gone by itself; without the rights it is said of each one.
    case WinError.MR_MID_NOT_FOUND:
    case WinError.ACCESS_DENIED:
      return new WindowsError(call, code, 'run the agent as a service or from an elevated prompt').message;
    default:
      return new WindowsError(call, code).message;
  }
}
