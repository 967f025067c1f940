import { QuarantinedFile, type CommandResult, type CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import type { Quarantine } from '../detect/quarantine/quarantine.js';
import { toQuarantinedFile } from '../detect/quarantine/record.js';
import type { Scans } from '../detect/scans.js';
import type { Enforcer } from '../enforce/enforcer.js';
import type { IsolationOwner } from '../isolation/owner.js';
import type { Work } from './job.js';

/** CollectConnectionsResult takes no more; the rest is counted. */
const MOST_CONNECTIONS = 2000;
const MOST_LIST_BYTES = 768 * 1024;

/** Absent in an agent that only simulates: it does not scan, and has nothing in quarantine. */
export interface DetectionWork {
  readonly scans: Pick<Scans, 'job'>;
  readonly quarantine: Pick<Quarantine, 'list' | 'restore'>;
}

/** What this agent can be told to do. */
export function knownWork(
  owner: Pick<IsolationOwner, 'selfTest'>,
  enforcer: Enforcer,
  detection?: DetectionWork,
): Work {
  const quarantine = detection?.quarantine;
  return ({ work }: CommandSpec, id) => {
    switch (work?.$case) {
      case 'selfTest':
        return { kind: 'short', run: () => selfTest(owner) };
      case 'collectConnections':
        return { kind: 'short', run: () => collectConnections(enforcer) };
      case 'iocScan':
        return detection?.scans.job(work.value, id);
      case 'listQuarantine':
        return quarantine && { kind: 'short', run: () => Promise.resolve(listQuarantine(quarantine)) };
      case 'restoreQuarantined': {
        const { quarantineId } = work.value;
        return quarantine && { kind: 'short', run: () => restoreQuarantined(quarantineId, quarantine) };
      }
      case undefined:
        return undefined;
    }
  };
}

function listQuarantine(quarantine: DetectionWork['quarantine']): CommandResult {
  const files = quarantine.list().map(toQuarantinedFile);
  return { outcome: { $case: 'listQuarantine', value: { files: fitting(files) } } };
}

async function restoreQuarantined(
  id: string,
  quarantine: DetectionWork['quarantine'],
): Promise<CommandResult> {
  const files = [toQuarantinedFile(await quarantine.restore(id))];
  return { outcome: { $case: 'restoreQuarantined', value: { files } } };
}

/** The newest ones, as many as a message of 1 MiB takes: paths may be long. */
function fitting(files: readonly QuarantinedFile[]): QuarantinedFile[] {
  let bytes = 0;
  return files.filter(
    (file) => (bytes += QuarantinedFile.encode(file).finish().length + 8) <= MOST_LIST_BYTES,
  );
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
