import { readFileSync } from 'node:fs';
import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';
import type { Terminated } from '../enforcer.js';
import { ownCgroupPath, systemdPaths } from '../nftables/cgroups.js';
import type { Plan, RuleApplication } from '../plan.js';
import { runTool } from '../run-tool.js';
import { allows, isLocal, type ConnectionFacts } from './allows.js';
import { listSockets, ownAddresses } from './list.js';

/** Connections in one `ss` filter: far below the longest argument that Linux takes (128 KiB). */
const BATCH = 500;
/** Sockets that are no connection, or already at their end: nothing can be sent or received through them. */
const NOT_CONNECTED = new Set(['LISTEN', 'UNCONN', 'TIME-WAIT', 'CLOSED']);

/**
 * Ends every TCP connection that the plan does not allow: the local program gets an error, the other end a reset.
 * Call it after the rules are in force, so that none comes back.
 * @param agentPid process that holds the agent's own channel
 * @throws EnforceError when `ss` cannot be used
 */
export async function terminateConnections(plan: Plan, agentPid: number): Promise<Terminated> {
  const condemned = await listCondemned(plan, agentPid);
  for (let start = 0; start < condemned.length; start += BATCH) {
    const batch = condemned.slice(start, start + BATCH);
    // `ss -K` skips in silence what the kernel cannot close, so its own result says nothing: list again.
    await runTool('ss', 'iproute2', ['-K', '-H', '-n', '-t', '-a', ...socketFilter(batch)]);
  }
  if (condemned.length === 0) return { ended: 0, remaining: [] };
  const doomed = new Set(condemned.map(key));
  const remaining = (await listCondemned(plan, agentPid)).filter((connection) => doomed.has(key(connection)));
  return { ended: condemned.length - remaining.length, remaining };
}

async function listCondemned(plan: Plan, agentPid: number): Promise<Connection[]> {
  const sockets = await listSockets();
  const tcp = sockets.filter(({ protocol }) => protocol === TransportProtocol.TRANSPORT_PROTOCOL_TCP);
  const listening = new Set(tcp.filter(({ state }) => state === 'LISTEN').map(({ localPort }) => localPort));
  const own = ownAddresses();
  return tcp.filter(
    (connection) =>
      !NOT_CONNECTED.has(connection.state) &&
      !isLocal(connection, own) &&
      !allows(plan, connection, factsOf(connection, listening, agentPid)),
  );
}

function factsOf(connection: Connection, listening: ReadonlySet<number>, agentPid: number): ConnectionFacts {
  let group: string | undefined | null = null;
  return {
    openedBy: listening.has(connection.localPort) ? 'other-side' : 'this-computer',
    // A socket that its process has closed has no owner left; it can be the agent's last words.
    isAgents: connection.processId === agentPid || connection.processId === 0,
    // Asked for each rule with a program: /proc is read once.
    belongsTo: (application) => {
      if (group === null) group = cgroupOf(connection.processId);
      return group !== undefined && belongsTo(group, application);
    },
  };
}

function belongsTo(group: string, application: RuleApplication): boolean {
  const paths = application.kind === 'cgroup' ? [application.path] : [];
  if (application.kind === 'systemd-unit') paths.push(...systemdPaths(application.name));
  return paths.some((wanted) => group === wanted || group.startsWith(`${wanted}/`));
}

function cgroupOf(pid: number): string | undefined {
  try {
    return ownCgroupPath(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  } catch {
    // The process ended in between.
    return undefined;
  }
}

/** One `ss` expression that matches exactly these connections, one argument a word. */
function socketFilter(connections: readonly Connection[]): string[] {
  return connections.flatMap((connection, index) => [
    ...(index === 0 ? [] : ['or']),
    '(',
    'src',
    socketText(connection.localAddress, connection.localPort),
    'and',
    'dst',
    socketText(connection.remoteAddress, connection.remotePort),
    ')',
  ]);
}

function socketText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function key({ localAddress, localPort, remoteAddress, remotePort }: Connection): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
