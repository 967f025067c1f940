import { closeSync, openSync, writeSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { sleep } from '../../shared/clock.js';
import {
  EventServiceService,
  StreamEventsRequest,
  type Event,
} from '../../shared/gen/cordon/v1/event_service.js';
import {
  GetCurrentOperatorRequest,
  OperatorServiceService,
} from '../../shared/gen/cordon/v1/operator_service.js';
import { toJsonLine } from '../../shared/siem/json-line.js';
import { toSyslog } from '../../shared/siem/syslog.js';
import { formatDuration } from '../../shared/time.js';
import { parseCount } from '../arguments.js';
import { CliError, ExitCode } from '../exit.js';
import { Reconnects, StreamEnded } from '../reconnect.js';
import { withSession, type RunState, type Session } from '../session/session.js';

interface ExportFlags {
  readonly format: 'jsonl' | 'syslog';
  /** Sequence number. */
  readonly after: number;
  readonly follow?: boolean;
  readonly file?: string;
}

/** `cordon events ...` */
export function addEventsCommands(program: Command, state: RunState): void {
  program
    .command('events')
    .description('everything that happened, for a SIEM')
    .command('export')
    .description('print alerts, isolations and what operators did, oldest first')
    .addOption(
      new Option('--format <format>', 'jsonl: one JSON object a line; syslog: RFC 5424, one message a line')
        .choices(['jsonl', 'syslog'])
        .default('jsonl'),
    )
    .option(
      '--after <sequence>',
      'only what came after the event with this number',
      parseCount(0, Number.MAX_SAFE_INTEGER),
      0,
    )
    .option('--follow', 'then go on with what comes, until interrupted; over losses of the connection, too')
    .option('--file <file>', 'append to this file in place of printing')
    .addHelpText(
      'after',
      `
Each event has a number, "sequence". Whoever was away gives the last one that they have with --after, and misses nothing.

Examples:
  cordon events export > events.jsonl
  cordon events export --after 1042 --follow --file /var/log/cordon-events.jsonl
  cordon events export --format syslog --follow | nc -q0 siem.example.org 601`,
    )
    .action((flags: ExportFlags, command: Command) =>
      withSession(state, command, (session) => exportEvents(session, flags)),
    );
}

async function exportEvents(session: Session, flags: ExportFlags): Promise<void> {
  const { host } = session.settings.address;
  const line = (event: Event): string =>
    `${flags.format === 'syslog' ? toSyslog(event, { host }) : toJsonLine(event)}\n`;
  const path = flags.file;
  if (path === undefined) {
    const { io } = session;
    return streamEvents(session, flags, async (event) => {
      io.stdout.write(line(event));
      await io.outputDrained();
    });
  }
  const file = openFile(path);
  try {
    await streamEvents(session, flags, async (event) => {
      await Promise.resolve();
      try {
        writeSync(file, line(event));
      } catch (error) {
        const next = `make room, then go on with --after ${event.sequence - 1n}`;
        throw unwritable(ExitCode.REFUSED, path, error, next);
      }
    });
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    // What operators did is not for everybody.
    return openSync(path, 'a', 0o600);
  } catch (error) {
    const next = 'give a file in a folder that is there and that you may write to';
    throw unwritable(ExitCode.USAGE, path, error, next);
  }
}

function unwritable(exitCode: ExitCode, path: string, error: unknown, next: string): CliError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new CliError(exitCode, `--file: ${path} cannot be written (${code})`, next);
}

/** Every event once, in order, across losses of the connection. */
async function streamEvents(
  { api, io }: Session,
  flags: ExportFlags,
  take: (event: Event) => Promise<void>,
): Promise<void> {
  const follow = flags.follow ?? false;
  let afterSequence = BigInt(flags.after);
  // The server has to know the caller: a stream that follows may be silent for hours.
  await api.unary(OperatorServiceService.getCurrentOperator, GetCurrentOperatorRequest.fromPartial({}));
  const reconnects = new Reconnects(
    {
      clock: io.clock,
      random: io.random,
      onLoss: (delayMs) =>
        io.stderr.write(`cordon: connection lost; trying again in ${formatDuration(delayMs)}\n`),
    },
    true,
  );
  const interrupt = new AbortController();
  const forget = io.onInterrupt(() => interrupt.abort());
  try {
    while (!interrupt.signal.aborted) {
      try {
        const request = StreamEventsRequest.fromPartial({ afterSequence, follow });
        await api.each(
          EventServiceService.streamEvents,
          request,
          async ({ event }) => {
            if (!event) return;
            await take(event);
            afterSequence = event.sequence;
            reconnects.came(true);
          },
          interrupt.signal,
        );
        if (!follow) return;
        if (!interrupt.signal.aborted) throw new StreamEnded();
      } catch (error) {
        const delayMs = reconnects.delayAfter(error);
        if (delayMs === undefined) throw error;
        await sleep(io.clock, delayMs);
      }
    }
  } finally {
    forget();
  }
}
