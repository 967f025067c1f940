import type { CommandResult, IocScanResult, QuarantineResult } from '../../shared/gen/cordon/v1/command.js';
import type { Connection } from '../../shared/gen/cordon/v1/network.js';
import { bounded, boundedDuration, boundedObserved, boundedTime } from '../desired/bounded.js';

/** As the contract says; of what it does not limit, more than any agent reports. */
const MOST = { connections: 2000, files: 1000, documents: 1000, problems: 100, collectors: 64, terms: 1000 };
const LONGEST_NAME = 256;
/** Of a path, UTF-16 units. */
const LONGEST_PATH = 4096;
const HASH_BYTES = 32;

/**
 * What is kept of a command's result. Operators read it in lists beside those of all other devices: a time that no client can
 * print, or more entries than the contract allows, must not keep them from it.
 */
export function boundedResult({ outcome }: CommandResult): CommandResult {
  switch (outcome?.$case) {
    case 'selfTest': {
      const { observed } = outcome.value;
      return { outcome: { ...outcome, value: { observed: observed && boundedObserved(observed) } } };
    }
    case 'collectConnections': {
      const { connections, omitted } = outcome.value;
      const kept = connections.slice(0, MOST.connections).map(boundedConnection);
      return { outcome: { ...outcome, value: { connections: kept, omitted } } };
    }
    case 'iocScan':
      return { outcome: { ...outcome, value: boundedScan(outcome.value) } };
    case 'listQuarantine':
    case 'restoreQuarantined':
      return { outcome: { ...outcome, value: boundedQuarantine(outcome.value) } };
    case undefined:
      return { outcome: undefined };
  }
}

function boundedConnection(connection: Connection): Connection {
  return {
    ...connection,
    localAddress: bounded(connection.localAddress, LONGEST_NAME),
    remoteAddress: bounded(connection.remoteAddress, LONGEST_NAME),
    state: bounded(connection.state, LONGEST_NAME),
    processName: bounded(connection.processName, LONGEST_NAME),
  };
}

function boundedScan(result: IocScanResult): IocScanResult {
  return {
    ...result,
    collectors: result.collectors.slice(0, MOST.collectors).map((one) => ({
      ...one,
      itemType: bounded(one.itemType, LONGEST_NAME),
      unavailable: bounded(one.unavailable),
      unavailableTerms: one.unavailableTerms.slice(0, MOST.terms).map((term) => bounded(term, LONGEST_NAME)),
    })),
    documents: result.documents.slice(0, MOST.documents).map((one) => ({
      ...one,
      hash: one.hash.subarray(0, HASH_BYTES),
      displayName: bounded(one.displayName, LONGEST_NAME),
      refused: bounded(one.refused),
    })),
    problems: result.problems
      .slice(0, MOST.problems)
      .map(({ subject, detail }) => ({ subject: bounded(subject, LONGEST_PATH), detail: bounded(detail) })),
    worked: boundedDuration(result.worked),
  };
}

function boundedQuarantine({ files }: QuarantineResult): QuarantineResult {
  return {
    files: files.slice(0, MOST.files).map((file) => ({
      ...file,
      id: bounded(file.id, LONGEST_NAME),
      path: bounded(file.path, LONGEST_PATH),
      sha256: file.sha256.subarray(0, HASH_BYTES),
      quarantinedAt: boundedTime(file.quarantinedAt),
      reason: bounded(file.reason, LONGEST_NAME),
    })),
  };
}
