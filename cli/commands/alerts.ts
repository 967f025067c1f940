import { status } from '@grpc/grpc-js';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { lastValueFrom, Observable } from 'rxjs';
import { takeUntil, tap } from 'rxjs/operators';
import { characters } from '../../shared/characters.js';
import { printable } from '../../shared/command-line/printable.js';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import { Alert, AlertState } from '../../shared/gen/cordon/v1/alert.js';
import {
  AlertServiceService,
  CloseAlertRequest,
  CommentAlertRequest,
  IsolateFromAlertRequest,
  ListAlertsResponse,
} from '../../shared/gen/cordon/v1/alert_service.js';
import type { DeviceOrder } from '../../shared/gen/cordon/v1/isolation_service.js';
import { isId, newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration, toDuration } from '../../shared/time.js';
import { watchAlerts } from '../alerts/feed.js';
import { findAlert, readAlerts, shortId } from '../alerts/find.js';
import { addReason, addWait, parseCount, parseReleaseDelay, type WaitFlags } from '../arguments.js';
import { CliError, ExitCode } from '../exit.js';
import { readScan } from '../scan/tasks.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { ALERT_HEADINGS, alertLine, alertRow, alertView } from '../view/alert.js';
import { carryOut } from '../wait/carry-out.js';

const NAMED = 'id, or at least 4 digits from its end';

interface ListFlags {
  readonly closed?: boolean;
  readonly all?: boolean;
  readonly device?: string;
  readonly source?: string;
  readonly task?: string;
  readonly limit: number;
}

interface IsolateFlags extends WaitFlags {
  readonly reason: string;
  /** Milliseconds. */
  readonly for?: number;
}

interface WatchFlags {
  readonly device?: string;
  readonly open?: boolean;
}

/** `cordon alerts ...` */
export function addAlertsCommands(program: Command, state: RunState): void {
  const alerts = program
    .command('alerts')
    .description('what scans and other detectors found, and what is done about it')
    .addHelpText(
      'after',
      '\nAn alert is named by the 8 digits that "list" shows (the end of its id), by at least 4 of them, or by the whole id.\nExamples:\n  cordon alerts list --device laptop-17\n  cordon alerts show 3a2b1e44\n  cordon alerts isolate 3a2b1e44 --reason "case 4711" --wait\n  cordon alerts watch --open',
    );
  addListCommand(alerts, state);
  addShowCommand(alerts, state);
  addAnswerCommands(alerts, state);
  addIsolateCommand(alerts, state);
  addWatchCommand(alerts, state);
}

function addListCommand(alerts: Command, state: RunState): void {
  alerts
    .command('list')
    .description('list alerts, newest first; those that are open, unless told otherwise')
    .addOption(new Option('--open', 'that nobody has closed (the default)').conflicts(['closed', 'all']))
    .addOption(new Option('--closed', 'that somebody has closed').conflicts('all'))
    .option('--all', 'open and closed')
    .option('--device <device>', 'of this device alone: name or id')
    .option('--source <detector>', 'of this detector alone, for example ioc-scan')
    .option('--task <scan>', 'of this scan alone: name or id')
    .option('--limit <n>', 'at most this many', parseCount(1, 100_000), 100)
    .addHelpText(
      'after',
      '\nExamples:\n  cordon alerts list\n  cordon alerts list --all --task nightly --limit 20',
    )
    .action((flags: ListFlags, command: Command) =>
      withSession(state, command, (session) => listAlerts(session, flags)),
    );
}

function addShowCommand(alerts: Command, state: RunState): void {
  alerts
    .command('show')
    .description('show what matched where, what the device did, and what can be done next')
    .argument('<alert>', NAMED)
    .action((name: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const alert = await findAlert(api, name);
        printer.print(
          () => alertView(alert),
          () => toProtoJson('Alert', Alert, alert),
        );
      }),
    );
}

function addAnswerCommands(alerts: Command, state: RunState): void {
  alerts
    .command('comment')
    .description('add a comment')
    .argument('<alert>', NAMED)
    .argument('<text>', '1 to 10000 characters', parseComment)
    .addHelpText('after', '\nExample:\n  cordon alerts comment 3a2b1e44 "user says it is a test"')
    .action((name: string, text: string, _: unknown, command: Command) =>
      withSession(state, command, async (session) => {
        const { id } = await findAlert(session.api, name);
        const request = CommentAlertRequest.fromPartial({ id, text, requestId: newId() });
        const { alert } = await session.api.unary(AlertServiceService.commentAlert, request);
        printAlert(session, 'commented on', alert ?? Alert.fromPartial({ id }));
      }),
    );

  alerts
    .command('close')
    .description('close an alert; what the device does stays as it is')
    .argument('<alert>', NAMED)
    .option('--comment <text>', 'a last comment, up to 10000 characters', parseComment)
    .addHelpText('after', '\nExample:\n  cordon alerts close 3a2b1e44 --comment "cleaned, case 4711"')
    .action((name: string, { comment }: { comment?: string }, command: Command) =>
      withSession(state, command, async (session) => {
        const { id } = await findAlert(session.api, name);
        const request = CloseAlertRequest.fromPartial({ id, comment: comment ?? '', requestId: newId() });
        printAlert(session, 'closed', await closeAlert(session, request));
      }),
    );
}

async function closeAlert({ api }: Session, request: CloseAlertRequest): Promise<Alert> {
  const { id } = request;
  try {
    const { alert } = await api.unary(AlertServiceService.closeAlert, request);
    return alert ?? Alert.fromPartial({ id });
  } catch (error) {
    if (!isServiceError(error) || error.code !== status.FAILED_PRECONDITION) throw error;
    throw new CliError(
      ExitCode.REFUSED,
      readServiceError(error).message,
      `"cordon alerts show ${shortId(id)}" shows who closed it`,
    );
  }
}

function parseComment(text: string): string {
  if (text.trim() === '' || characters(text) > 10_000) {
    throw new InvalidArgumentError('A comment has 1 to 10000 characters.');
  }
  return text;
}

function addIsolateCommand(alerts: Command, state: RunState): void {
  addWait(
    addReason(
      alerts
        .command('isolate')
        .description('isolate the device of an alert, in manual mode')
        .argument('<alert>', NAMED),
    ).option(
      '--for <duration>',
      'release by itself after this time; 0 = never (default: as the device is set, 8h)',
      parseReleaseDelay,
    ),
    'the device reports that it is isolated',
  )
    .addHelpText(
      'after',
      '\nExample:\n  cordon alerts isolate 3a2b1e44 --reason "case 4711" --for 24h --wait',
    )
    .action((name: string, flags: IsolateFlags, command: Command) =>
      withSession(state, command, (session) => isolateFromAlert(session, name, flags)),
    );
}

function addWatchCommand(alerts: Command, state: RunState): void {
  alerts
    .command('watch')
    .description(
      'show new and changed alerts as they happen, until interrupted; -o json prints one line each',
    )
    .option('--device <device>', 'of this device alone: name or id')
    .option('--open', 'begin with those that are open, oldest first')
    .addHelpText('after', '\nExample:\n  cordon alerts watch --open -o json | jq -r .title')
    .action((flags: WatchFlags, command: Command) =>
      withSession(state, command, (session) => followAlerts(session, flags)),
    );
}

async function listAlerts({ api, printer }: Session, flags: ListFlags): Promise<void> {
  const filter = {
    state: stateOf(flags),
    ...(flags.device === undefined ? {} : { device: flags.device }),
    ...(flags.source === undefined ? {} : { source: flags.source }),
    ...(flags.task === undefined ? {} : { taskId: await taskIdOf({ api }, flags.task) }),
  };
  const alerts = await readAlerts(api, filter, flags.limit);
  printer.print(
    () => ({
      kind: 'table',
      headings: ALERT_HEADINGS,
      rows: alerts.map(alertRow),
      empty: flags.all || flags.closed ? 'no alerts' : 'no open alerts',
    }),
    () => toProtoJson('ListAlertsResponse', ListAlertsResponse, { alerts, nextPageToken: '' }),
  );
}

function stateOf({ closed, all }: ListFlags): AlertState {
  if (all) return AlertState.ALERT_STATE_UNSPECIFIED;
  return closed ? AlertState.ALERT_STATE_CLOSED : AlertState.ALERT_STATE_OPEN;
}

/** Alerts outlive their scan: an id is taken as it is. */
async function taskIdOf({ api }: Pick<Session, 'api'>, task: string): Promise<string> {
  return isId(task) ? task : (await readScan(api, task)).id;
}

function printAlert({ printer }: Session, verb: string, alert: Alert): void {
  const what = alert.title ? ` (${alert.title})` : '';
  printer.print(
    () => ({ kind: 'text', text: printable(`${verb} alert ${shortId(alert.id)}${what}`) + '\n' }),
    () => toProtoJson('Alert', Alert, alert),
  );
}

async function isolateFromAlert(session: Session, name: string, flags: IsolateFlags): Promise<void> {
  const { api } = session;
  const { id, deviceId, deviceName } = await findAlert(api, name);
  if (deviceName === '') {
    throw new CliError(
      ExitCode.REFUSED,
      'the device of this alert was removed from the server',
      'a device that was enrolled anew has another name: "cordon devices list" shows it',
    );
  }
  const request = IsolateFromAlertRequest.fromPartial({
    id,
    reason: flags.reason,
    releaseDelay: flags.for === undefined ? undefined : toDuration(flags.for),
    requestId: newId(),
  });
  const send = async (): Promise<DeviceOrder[]> => {
    const { order } = await api.unary(AlertServiceService.isolateFromAlert, request);
    return order ? [order] : [];
  };
  await carryOut(session, 'isolate', send, [deviceId], flags);
}

async function followAlerts(session: Session, flags: WatchFlags): Promise<void> {
  const { api, printer, io } = session;
  const device = flags.device ?? '';
  const withOpen = flags.open ?? false;
  // The server has to know the device and the caller: a watch may be silent for days.
  const open = await readAlerts(
    api,
    { state: AlertState.ALERT_STATE_OPEN, device },
    withOpen ? 1 : MOST_KNOWN,
  );
  const feed = watchAlerts(
    { device, withOpen, known: withOpen ? [] : open },
    {
      api,
      clock: io.clock,
      random: io.random,
      onLoss: (delayMs) =>
        io.stderr.write(`cordon: connection lost; trying again in ${formatDuration(delayMs)}\n`),
    },
  );
  const show = (alert: Alert): void =>
    printer.printEvent(
      () => alertLine(alert),
      () => toProtoJson('Alert', Alert, alert),
    );
  const interrupted = new Observable<void>((subscriber) => io.onInterrupt(() => subscriber.next()));
  await lastValueFrom(feed.pipe(tap(show), takeUntil(interrupted)), { defaultValue: undefined });
}

/** Open alerts that are no news when the connection was lost and is there again. */
const MOST_KNOWN = 1000;
