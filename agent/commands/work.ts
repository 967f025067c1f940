import type { CommandResult, CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import type { Enforcer } from '../enforce/enforcer.js';
import type { IsolationOwner } from '../isolation/owner.js';
import type { Work } from './job.js';

/** CollectConnectionsResult takes no more; the rest is counted. */
const MOST_CONNECTIONS = 2000;

/** What this agent can be told to do. */
export function knownWork(owner: Pick<IsolationOwner, 'selfTest'>, enforcer: Enforcer): Work {
  return ({ work }: CommandSpec) => {
    switch (work?.$case) {
      case 'selfTest':
        return { kind: 'short', run: () => selfTest(owner) };
      case 'collectConnections':
        return { kind: 'short', run: () => collectConnections(enforcer) };
      case 'iocScan':
      case 'listQuarantine':
      case 'restoreQuarantined':
      case undefined:
        return undefined;
    }
  };
}

async function selfTest(owner: Pick<IsolationOwner, 'selfTest'>): Promise<CommandResult> {
  return { outcome: { $case: 'selfTest', value: { observed: await owner.selfTest() } } };
}

async function collectConnections(enforcer: Enforcer): Promise<CommandResult> {
  const all = await enforcer.connections();
  const connections = all.slice(0, MOST_CONNECTIONS);
  const omitted = all.length - connections.length;
  return { outcome: { $case: 'collectConnections', value: { connections, omitted } } };
}
