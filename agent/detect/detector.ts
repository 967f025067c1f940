import type { CommandOrder } from '../../shared/gen/cordon/v1/agent_service.js';
import type { CommandRunner } from '../commands/runner.js';
import { Documents } from './documents.js';
import { lookAtProcesses } from './respond/look-at-processes.js';
import { hashesOf, Scans, type ScansParts } from './scans.js';

export interface DetectorParts extends Omit<ScansParts, 'documents' | 'respond'> {
  readonly respond: Omit<ScansParts['respond'], 'kill'>;
}

/** What looks for indicators on this device: its scans and the documents that they need. */
export interface Detector {
  readonly scans: Scans;
  readonly documents: Documents;
  /** From now on scans that wait for documents start when those are there. */
  serve(runner: Pick<CommandRunner, 'openOrders' | 'updates' | 'look'>): void;
}

export async function createDetector(parts: DetectorParts): Promise<Detector> {
  let openOrders: () => CommandOrder[] = () => [];
  let needed: ReadonlySet<string> | undefined;
  const documents = new Documents({
    dataDir: parts.dataDir,
    clock: parts.clock,
    log: parts.log,
    needed: () => (needed ??= neededBy(openOrders())),
  });
  const kill = {
    clock: parts.clock,
    look: await lookAtProcesses(process.platform),
    kill: (pid: number): void => void process.kill(pid, 'SIGKILL'),
    self: process.pid,
  };
  const scans = new Scans({ ...parts, documents, respond: { ...parts.respond, kill } });
  return {
    scans,
    documents,
    serve: (runner) => {
      openOrders = () => runner.openOrders();
      needed = undefined;
      // Asked for with every message to the server, and changed by nothing but a step of a command.
      runner.updates.subscribe(() => (needed = undefined));
      documents.changes.subscribe(() => runner.look());
      runner.look();
    },
  };
}

function neededBy(orders: readonly CommandOrder[]): ReadonlySet<string> {
  const hashes = orders.flatMap(({ spec }) =>
    spec?.work?.$case === 'iocScan' ? hashesOf(spec.work.value) : [],
  );
  return new Set(hashes);
}
