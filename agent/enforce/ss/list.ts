import type { Connection } from '../../../shared/gen/cordon/v1/network.js';
import { isLocal } from '../connections/allows.js';
import { ownAddresses } from '../connections/own-addresses.js';
import { EnforceError } from '../enforcer.js';
import { runTool } from '../run-tool.js';
import { parseSockets, parseSs, type SocketOwner } from './parse-ss.js';

/**
 * TCP and UDP sockets of this computer with their processes; those between two addresses of this computer left out.
 * @throws EnforceError when `ss` cannot be used
 */
export async function listConnections(): Promise<Connection[]> {
  const own = ownAddresses();
  return (await listSockets()).filter((connection) => !isLocal(connection, own));
}

/** Every TCP and UDP socket, loopback included. */
export async function listSockets(): Promise<Connection[]> {
  return parseSs(await socketText());
}

/**
 * As `listSockets`. A socket that this process holds is its own, whoever holds it beside: every child does for a moment, until
 * it has started its program.
 */
export async function listSocketsSeenBy(pid: number): Promise<Connection[]> {
  return parseSockets(await socketText()).map(({ connection, owners }) =>
    owners.some((owner) => owner.pid === pid) ? { ...connection, processId: pid } : connection,
  );
}

/** A socket and one process that holds it; undefined: none does, or none that may be seen. */
export interface OwnedSocket {
  readonly connection: Connection;
  readonly owner: SocketOwner | undefined;
}

/** As `listSockets`; a socket that several processes hold comes once for each. */
export async function listOwnedSockets(): Promise<OwnedSocket[]> {
  return parseSockets(await socketText()).flatMap<OwnedSocket>(({ connection, owners }) =>
    owners.length === 0 ? [{ connection, owner: undefined }] : owners.map((owner) => ({ connection, owner })),
  );
}

async function socketText(): Promise<string> {
  const args = ['-H', '-O', '-n', '-a', '-p', '-t', '-u'];
  const { code, stdout, stderr } = await runTool('ss', 'iproute2', args);
  if (code !== 0) throw new EnforceError(`ss failed: ${stderr}`);
  return stdout;
}
