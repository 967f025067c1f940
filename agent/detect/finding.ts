import { v5 } from 'uuid';
import type { DetectionFound } from '../../shared/gen/cordon/v1/agent_service.js';
import type { IocScanCommand } from '../../shared/gen/cordon/v1/command.js';
import { ResponseAction, type MatchedItem } from '../../shared/gen/cordon/v1/ioc.js';
import { newId } from '../../shared/ids.js';
import { TELLING_TERMS } from '../../shared/ioc/telling-terms.js';
import type { DetectionResponse } from '../../shared/gen/cordon/v1/task.js';
import { cleanLine } from '../notify/clean.js';
import { bounded } from './bounds.js';
import type { HashName } from './quarantine/scrambled.js';
import { IOC_SCAN } from './respond/isolate.js';
import type { ScanMatch } from './scan-messages.js';

const LONGEST_REASON = 500;
const LONGEST_PART = 150;
const LONGEST_RULE = 256;

/** A detection of a scan with everything that is to be done about it: what is written down before anything is done. */
export interface Finding {
  /** Of the match, the same whenever it is found. */
  readonly key: string;
  /** Id of the event, made from the scan's and the match's: twice found is once told. */
  readonly eventId: string;
  /** Wall clock, milliseconds since 1970. */
  readonly occurredAtMs: number;
  /** Without what was done about it. */
  readonly detection: DetectionFound;
  /** Why the computer is isolated, for people, on one line. */
  readonly reason: string;
  /** What to do, in this order: to isolate first, because time counts. */
  readonly actions: readonly ResponseAction[];
  /** Id of the isolation that it may start. */
  readonly isolationId: string;
  /** Id that the file will have in quarantine. */
  readonly quarantineId: string;
  readonly file: string | undefined;
  /** What is known of its content. */
  readonly hashes: Readonly<Partial<Record<HashName, string>>>;
  readonly process: ScanMatch['process'];
}

/** @param commandId of the scan; @param nowMs wall clock, milliseconds since 1970 */
export function findingOf(
  match: ScanMatch,
  command: IocScanCommand,
  commandId: string,
  nowMs: number,
): Finding {
  const { key, documentId, documentName, items, nodes, nodesOmitted, file, process } = match;
  const documentHash = Buffer.from(match.documentHash, 'hex');
  const { taskId } = command;
  const iocMatch = { documentHash, documentId, documentName, taskId, commandId, items: [...items] };
  const detection: DetectionFound = {
    source: IOC_SCAN,
    ruleId: documentId.slice(0, LONGEST_RULE),
    detailsJson: '',
    isolationId: '',
    iocMatch: bounded({ ...iocMatch, nodes: [...nodes], nodesOmitted }),
    responses: [],
  };
  return {
    key,
    eventId: eventIdOf(commandId, key),
    occurredAtMs: nowMs,
    detection,
    reason: reasonOf(match),
    actions: actionsFor(command.response, match),
    isolationId: newId(),
    quarantineId: newId(),
    file,
    hashes: hashesOf(items),
    process,
  };
}

/** UUID of the event of one match of one scan. @param commandId UUID */
export function eventIdOf(commandId: string, key: string): string {
  return v5(key, commandId);
}

/** Only what there is something to do about: a file that matched, a process. */
function actionsFor(response: DetectionResponse | undefined, { file, process }: ScanMatch): ResponseAction[] {
  if (!response?.takeResponseActions) return [];
  const actions: ResponseAction[] = [];
  if (response.isolateComputer) actions.push(ResponseAction.RESPONSE_ACTION_ISOLATE);
  if (response.killProcess && process) actions.push(ResponseAction.RESPONSE_ACTION_KILL_PROCESS);
  if (response.quarantineFile && file !== undefined) {
    actions.push(ResponseAction.RESPONSE_ACTION_QUARANTINE_FILE);
  }
  return actions;
}

/** Document, indicator and item. */
export function reasonOf({ documentName, nodes, items }: ScanMatch): string {
  const indicator = nodes.flatMap(({ node }) =>
    node?.$case === 'term' ? [`${node.value.term} ${node.value.condition} ${node.value.content}`] : [],
  )[0];
  const parts = [`IOC "${short(documentName)}"`, short(indicator ?? ''), short(items.map(nameOf).join(', '))];
  return cleanLine(parts.filter((part) => part !== '').join(': '), LONGEST_REASON);
}

function nameOf({ itemType, fields }: MatchedItem): string {
  const known = TELLING_TERMS.flatMap((term) => fields.find((field) => field.term === term)?.value ?? []);
  return known[0] ?? fields[0]?.value ?? itemType;
}

const HASH_TERMS: Readonly<Record<HashName, string>> = {
  md5: 'FileItem/Md5sum',
  sha1: 'FileItem/Sha1sum',
  sha256: 'FileItem/Sha256sum',
};

function hashesOf(items: readonly MatchedItem[]): Finding['hashes'] {
  const fields = items.filter(({ itemType }) => itemType === 'FileItem').flatMap((item) => item.fields);
  const known = Object.entries(HASH_TERMS).flatMap(([name, term]) => {
    const value = fields.find((field) => field.term === term)?.value;
    return value === undefined ? [] : [[name, value.toLowerCase()] as const];
  });
  return Object.fromEntries(known);
}

function short(text: string): string {
  return text.length > LONGEST_PART ? `${text.slice(0, LONGEST_PART - 1)}…` : text;
}
