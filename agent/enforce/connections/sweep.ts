import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';
import type { Terminated } from '../enforcer.js';
import type { Opener } from '../matching.js';
import type { Plan, RuleApplication } from '../plan.js';
import { allows, isLocal } from './allows.js';
import { ownAddresses } from './own-addresses.js';

/** A socket as a platform lists it. The platform may know more of it, which it needs to end it. */
export interface ListedSocket {
  readonly connection: Connection;
}

/** Whether the program of a rule owns a connection and the packet filter could tell. */
export type Ownership = (
  connection: Connection,
  openedBy: Opener,
) => (application: RuleApplication) => boolean;

/** What a platform has to offer so that connections can be ended. */
export interface SocketPlatform<S extends ListedSocket> {
  /** Every TCP and UDP socket, loopback included; states in the words of `ss`. */
  list(): Promise<readonly S[]>;
  /** Who owns what, as of now. Asked once for each listing. */
  ownership(plan: Plan): Promise<Ownership>;
  /** Tries to end TCP connections. Resolves to why, in one sentence, for those where the reason of a failure is known. */
  end(sockets: readonly S[]): Promise<ReadonlyMap<S, string>>;
}

/** Sockets that are no connection, or already at their end: nothing can be sent or received through them. */
const NOT_CONNECTED = new Set(['LISTEN', 'UNCONN', 'TIME-WAIT', 'CLOSED']);

/** A connection that was being made while the rules were put in force shows up only after the first sweep. */
const SWEEPS = 2;

/**
 * Ends every TCP connection that the plan does not allow, and lists again to see what is left: no platform's own word on
 * it is trusted. Call it after the rules are in force, so that none comes back.
 * @param agentPid process that holds the agent's own channel
 */
export async function sweepConnections<S extends ListedSocket>(
  platform: SocketPlatform<S>,
  plan: Plan,
  agentPid: number,
): Promise<Terminated> {
  const doomed = new Set<string>();
  const reasons = new Map<string, string>();
  let condemned = await listCondemned(platform, plan, agentPid);
  for (let sweep = 0; sweep < SWEEPS && condemned.length > 0; sweep += 1) {
    for (const { connection } of condemned) doomed.add(key(connection));
    for (const [{ connection }, why] of await platform.end(condemned)) reasons.set(key(connection), why);
    condemned = await listCondemned(platform, plan, agentPid);
  }
  const remaining = condemned
    .map(({ connection }) => connection)
    .filter((connection) => doomed.has(key(connection)));
  const why = summary(remaining.flatMap((connection) => reasons.get(key(connection)) ?? []));
  return {
    ended: doomed.size - new Set(remaining.map(key)).size,
    remaining,
    ...(why === '' ? {} : { why }),
  };
}

async function listCondemned<S extends ListedSocket>(
  platform: SocketPlatform<S>,
  plan: Plan,
  agentPid: number,
): Promise<S[]> {
  const sockets = await platform.list();
  const ownerOf = await platform.ownership(plan);
  const tcp = sockets.filter(
    ({ connection }) => connection.protocol === TransportProtocol.TRANSPORT_PROTOCOL_TCP,
  );
  const listening = new Set(
    tcp
      .filter(({ connection }) => connection.state === 'LISTEN')
      .map(({ connection }) => connection.localPort),
  );
  const own = ownAddresses();
  return tcp.filter(({ connection }) => {
    if (NOT_CONNECTED.has(connection.state) || isLocal(connection, own)) return false;
    const openedBy = listening.has(connection.localPort) ? 'other-side' : 'this-computer';
    return !allows(plan, connection, {
      openedBy,
      // A socket that its process has closed has no owner left; it can be the agent's last words.
      isAgents: connection.processId === agentPid || connection.processId === 0,
      belongsTo: ownerOf(connection, openedBy),
    });
  });
}

/** Each reason once; with its number where there are several. */
function summary(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  if (counts.size < 2) return [...counts.keys()].join('');
  return [...counts].map(([reason, count]) => `${count} because ${reason}`).join('; ');
}

function key({ localAddress, localPort, remoteAddress, remotePort }: Connection): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
