import type { Connection } from '../../../shared/gen/cordon/v1/network.js';
import { isLocal } from '../connections/allows.js';
import { ownAddresses } from '../connections/own-addresses.js';
import { EnforceError } from '../enforcer.js';
import { runTool } from '../run-tool.js';
import { parseSs } from './parse-ss.js';

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
  const { code, stdout, stderr } = await runTool('ss', 'iproute2', [
    '-H',
    '-O',
    '-n',
    '-a',
    '-p',
    '-t',
    '-u',
  ]);
  if (code !== 0) throw new EnforceError(`ss failed: ${stderr}`);
  return parseSs(stdout);
}
