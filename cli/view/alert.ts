import { printable } from '../../shared/command-line/printable.js';
import { AlertState, type Alert, type AlertComment } from '../../shared/gen/cordon/v1/alert.js';
import {
  ResponseAction,
  ResponseState,
  responseActionToJSON,
  responseStateToJSON,
  type MatchedItem,
  type ResponseOutcome,
} from '../../shared/gen/cordon/v1/ioc.js';
import { IsolationState, isolationStateToJSON } from '../../shared/gen/cordon/v1/isolation.js';
import { TELLING_TERMS } from '../../shared/ioc/telling-terms.js';
import { shortId } from '../alerts/find.js';
import { shortHash } from '../ioc/documents.js';
import { shellWord } from '../shell-word.js';
import { isEnforcing, time, word } from './device-rows.js';
import { matchTree } from './match-tree.js';
import type { View } from './printer.js';
import { cell, type Cell } from './table.js';

type Field = readonly [string, Cell];

export const ALERT_HEADINGS = [
  'ALERT',
  'TIME',
  'DEVICE',
  'WHAT',
  'WHERE',
  'STATE',
  'DEVICE IS',
  'DONE',
] as const;

/** An alert in a list. */
export function alertRow(alert: Alert): Cell[] {
  return [
    cell(shortId(alert.id)),
    cell(time(alert.occurredAt)),
    cell(deviceText(alert)),
    cell(whatText(alert)),
    cell(whereText(alert)),
    stateCell(alert),
    isolationCell(alert),
    cell(alert.responses.map(responseWord).join(', ') || '-'),
  ];
}

/** An alert on one line, as it comes. */
export function alertLine(alert: Alert): string {
  const done = alert.responses.map(responseWord).join(', ');
  const parts = [
    time(alert.occurredAt),
    shortId(alert.id),
    deviceText(alert),
    `${whatText(alert)}: ${whereText(alert)}`,
    stateWord(alert),
    `device ${isolationWord(alert)}`,
    ...(done ? [done] : []),
    ...(alert.comments.length > 0 ? [`${alert.comments.length} comments`] : []),
  ];
  return printable(parts.join('  '));
}

/** Everything that a person needs to decide. */
export function alertView(alert: Alert): View {
  const match = alert.iocMatch;
  return {
    kind: 'sections',
    sections: [
      { kind: 'fields', fields: alertFields(alert) },
      ...(match ? [treeView(match), ...match.items.map(itemView)] : []),
      ...(alert.detailsJson ? [detailsView(alert.detailsJson)] : []),
      ...(alert.responses.length > 0 ? [responsesView(alert.responses)] : []),
      ...(alert.comments.length > 0 ? [commentsView(alert.comments)] : []),
      nextView(alert),
    ],
  };
}

function alertFields(alert: Alert): Field[] {
  const match = alert.iocMatch;
  const delay = alert.receivedAt ? `; the server has it since ${time(alert.receivedAt)}` : '';
  return [
    ['Alert', cell(alert.id)],
    ['What', cell(whatText(alert))],
    ['Where', cell(whereText(alert))],
    ['When', cell(`${time(alert.occurredAt)}${delay}`)],
    [
      'Device',
      cell(alert.deviceName ? `${alert.deviceName} (${alert.deviceId})` : `${alert.deviceId} (removed)`),
    ],
    ['Isolation now', isolationCell(alert)],
    ...(alert.isolationId ? [['Started isolation', cell(alert.isolationId)] as const] : []),
    ['Source', cell(alert.source || '-')],
    ['Rule', cell(alert.ruleId || '-')],
    ...(match
      ? ([
          ['Document', cell(`${match.documentName || '-'} (${shortHash(match.documentHash)})`)],
          ['Document id', cell(match.documentId || '-')],
          ['Scan', cell(match.taskId || '-')],
          ['Run', cell(match.commandId || '-')],
        ] as const)
      : []),
    ['State', stateCell(alert)],
    ...(alert.closedBy ? [['Closed', cell(`${time(alert.closedAt)}, by ${alert.closedBy}`)] as const] : []),
  ];
}

function treeView({ nodes, nodesOmitted }: NonNullable<Alert['iocMatch']>): View {
  const lines = matchTree(nodes);
  const more = nodesOmitted > 0 ? [`(${nodesOmitted} more matched)`] : [];
  return { kind: 'text', text: ['What matched:', ...lines, ...more, ''].join('\n') };
}

function itemView({ itemType, fields }: MatchedItem): View {
  const prefix = `${itemType}/`;
  return {
    kind: 'fields',
    fields: [
      [printable(itemType), cell('as the device saw it', 'faint')],
      ...fields.map(({ term, value }): Field => [
        printable(`  ${term.startsWith(prefix) ? term.slice(prefix.length) : term}`),
        cell(value),
      ]),
    ],
  };
}

/** Lines of details that are shown. */
const MOST_LINES = 100;

function detailsView(json: string): View {
  const lines = indented(json).split('\n');
  const shown = lines
    .slice(0, MOST_LINES)
    .map((line) => `  ${line.match(/^ */)?.[0] ?? ''}${printable(line.trimStart())}`);
  const more =
    lines.length > MOST_LINES ? [`  (${lines.length - MOST_LINES} more lines; -o json has them)`] : [];
  return { kind: 'text', text: ['What the detector says:', ...shown, ...more, ''].join('\n') };
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    return json;
  }
}

function responsesView(responses: readonly ResponseOutcome[]): View {
  return {
    kind: 'table',
    headings: ['WHAT THE DEVICE DID', 'OUTCOME', 'DETAIL', 'QUARANTINE ID'],
    rows: responses.map((response) => [
      cell(actionWord(response.action)),
      responseCell(response),
      cell(response.detail || '-'),
      cell(response.quarantineId || '-', 'faint'),
    ]),
    empty: '',
  };
}

function commentsView(comments: readonly AlertComment[]): View {
  return {
    kind: 'table',
    headings: ['COMMENTED', 'BY', 'TEXT'],
    rows: comments.map(({ writtenAt, author, text }) => [cell(time(writtenAt)), cell(author), cell(text)]),
    empty: '',
  };
}

/** Commands that can be typed now. */
function nextView(alert: Alert): View {
  const id = shortId(alert.id);
  // A name that cannot be typed is no help; the id can.
  const named = alert.deviceName && printable(alert.deviceName) === alert.deviceName;
  const device = shellWord(named ? alert.deviceName : alert.deviceId);
  const there = alert.deviceName !== '';
  const quarantined = alert.responses.map(({ quarantineId }) => quarantineId).filter((one) => one !== '');
  const isolated = isEnforcing(alert.deviceIsolation);
  const commands = [
    ...(there && !isolated ? [`cordon alerts isolate ${id} --reason "..." --wait`] : []),
    ...(there && isolated ? [`cordon release ${device} --reason "..." --wait`] : []),
    ...(alert.state === AlertState.ALERT_STATE_CLOSED ? [] : [`cordon alerts close ${id} --comment "..."`]),
    `cordon alerts comment ${id} "..."`,
    ...(there ? [`cordon devices show ${device}`] : []),
    ...(alert.isolationId ? [`cordon isolations show ${shellWord(alert.isolationId)}`] : []),
    ...(there ? quarantined.map((one) => `cordon quarantine restore ${device} ${shellWord(one)}`) : []),
    ...(alert.iocMatch?.taskId ? [`cordon scan status ${shellWord(alert.iocMatch.taskId)}`] : []),
  ];
  return { kind: 'text', text: ['Next:', ...commands.map((line) => printable(`  ${line}`)), ''].join('\n') };
}

function deviceText({ deviceName, deviceId }: Alert): string {
  return deviceName || deviceId;
}

function whatText({ title, iocMatch, ruleId }: Alert): string {
  return title || iocMatch?.documentName || ruleId || '-';
}

/** The thing that matched, as short as it can be named. */
function whereText({ iocMatch, source }: Alert): string {
  const fields = iocMatch?.items.flatMap((item) => item.fields) ?? [];
  for (const telling of TELLING_TERMS) {
    const field = fields.find(({ term, value }) => term === telling && value !== '');
    if (field) return field.value;
  }
  const first = fields.find(({ value }) => value !== '');
  if (first) return `${first.term} ${first.value}`;
  return iocMatch ? (iocMatch.items[0]?.itemType ?? '-') : `reported by ${source || 'a detector'}`;
}

function stateWord({ state }: Alert): string {
  return state === AlertState.ALERT_STATE_CLOSED ? 'closed' : 'open';
}

function stateCell(alert: Alert): Cell {
  return cell(stateWord(alert), alert.state === AlertState.ALERT_STATE_CLOSED ? 'faint' : 'bad');
}

function isolationWord({ deviceIsolation, deviceName }: Alert): string {
  if (deviceName === '') return 'removed';
  return deviceIsolation === IsolationState.ISOLATION_STATE_UNSPECIFIED
    ? 'not known'
    : word(isolationStateToJSON(deviceIsolation), 'ISOLATION_STATE_');
}

function isolationCell(alert: Alert): Cell {
  const text = isolationWord(alert);
  switch (alert.deviceIsolation) {
    case IsolationState.ISOLATION_STATE_ISOLATED:
      return cell(text, 'good');
    case IsolationState.ISOLATION_STATE_DEGRADED:
      return cell(text, 'bad');
    default:
      return cell(text, 'waiting');
  }
}

function actionWord(action: ResponseAction): string {
  switch (action) {
    case ResponseAction.RESPONSE_ACTION_ISOLATE:
      return 'isolate';
    case ResponseAction.RESPONSE_ACTION_QUARANTINE_FILE:
      return 'quarantine';
    case ResponseAction.RESPONSE_ACTION_KILL_PROCESS:
      return 'kill';
    default:
      return word(responseActionToJSON(action), 'RESPONSE_ACTION_');
  }
}

/** `isolate done`, `quarantine REFUSED`. */
function responseWord({ action, state }: ResponseOutcome): string {
  const outcome = word(responseStateToJSON(state), 'RESPONSE_STATE_');
  const bad = state === ResponseState.RESPONSE_STATE_REFUSED || state === ResponseState.RESPONSE_STATE_FAILED;
  return `${actionWord(action)} ${bad ? outcome.toUpperCase() : outcome}`;
}

function responseCell({ state }: ResponseOutcome): Cell {
  const text = word(responseStateToJSON(state), 'RESPONSE_STATE_');
  switch (state) {
    case ResponseState.RESPONSE_STATE_DONE:
      return cell(text, 'good');
    case ResponseState.RESPONSE_STATE_NOT_NEEDED:
      return cell(text);
    default:
      return cell(text, 'bad');
  }
}
