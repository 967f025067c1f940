import { readFileSync } from 'node:fs';
import type { Connection } from '../../../shared/gen/cordon/v1/network.js';
import { sweepConnections, type ListedSocket, type SocketPlatform } from '../connections/sweep.js';
import type { Terminated } from '../enforcer.js';
import { linuxKnows } from '../matching.js';
import { ownCgroupPath, systemdPaths } from '../nftables/cgroups.js';
import type { Plan, RuleApplication } from '../plan.js';
import { runTool } from '../run-tool.js';
import { listSocketsSeenBy } from './list.js';

/** Connections in one `ss` filter: far below the longest argument that Linux takes (128 KiB). */
const BATCH = 500;

/**
 * Ends every TCP connection that the plan does not allow: the local program gets an error, the other end a reset.
 * Call it after the rules are in force, so that none comes back.
 * @param agentPid process that holds the agent's own channel
 * @throws EnforceError when `ss` cannot be used
 */
export function terminateConnections(plan: Plan, agentPid: number): Promise<Terminated> {
  return sweepConnections(linuxSockets(agentPid), plan, agentPid);
}

const linuxSockets = (agentPid: number): SocketPlatform<ListedSocket> => ({
  list: async () => (await listSocketsSeenBy(agentPid)).map((connection) => ({ connection })),
  ownership: () =>
    Promise.resolve(({ processId }, openedBy) => {
      let group: string | undefined | null = null;
      // Asked for each rule with a program: /proc is read once.
      return (application) => {
        if (!linuxKnows(application, openedBy)) return false;
        if (group === null) group = cgroupOf(processId);
        return group !== undefined && belongsTo(group, application);
      };
    }),
  end: async (sockets) => {
    for (let start = 0; start < sockets.length; start += BATCH) {
      const batch = sockets.slice(start, start + BATCH).map(({ connection }) => connection);
      // `ss -K` skips in silence what the kernel cannot close, so its own result says nothing.
      await runTool('ss', 'iproute2', ['-K', '-H', '-n', '-t', '-a', ...socketFilter(batch)]);
    }
    return new Map();
  },
});

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
