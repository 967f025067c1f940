import type { Command } from 'commander';
import { IsolationMode, Isolation, isolationModeToJSON } from '../../shared/gen/cordon/v1/isolation.js';
import {
  GetIsolationRequest,
  IsolationServiceService,
  ListIsolationsRequest,
  ListIsolationsResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration, fromTimestamp } from '../../shared/time.js';
import { parseCount } from '../arguments.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { time, verificationCell, word } from '../view/device-rows.js';
import { isolationRemaining, isolationView } from '../view/isolation.js';
import { cell, type Cell } from '../view/table.js';
import { endCauseText } from '../wait/progress.js';

interface ListFlags {
  readonly device?: string;
  readonly active?: boolean;
  readonly limit: number;
}

/** `cordon isolations ...` */
export function addIsolationsCommands(program: Command, state: RunState): void {
  const isolations = program.command('isolations').description('look at isolations, past and present');

  isolations
    .command('list')
    .description('list isolations, newest first')
    .option('--device <device>', 'of this device alone')
    .option('--active', 'only those that have not ended')
    .option('--limit <n>', 'at most this many', parseCount(1, 100_000), 100)
    .action((flags: ListFlags, command: Command) =>
      withSession(state, command, (session) => listIsolations(session, flags)),
    );

  isolations
    .command('show')
    .description('show one isolation: who, why, how long each step took, what passed, how it ended')
    .argument('<id>', 'id as "list" shows it')
    .action((id: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => showIsolation(session, id)),
    );
}

async function showIsolation({ api, printer, io }: Session, id: string): Promise<void> {
  const request = GetIsolationRequest.fromPartial({ id });
  const { isolation = Isolation.fromPartial({ id }) } = await api.unary(
    IsolationServiceService.getIsolation,
    request,
  );
  printer.print(
    () => isolationView(isolation, io.clock.wall()),
    () => toProtoJson('Isolation', Isolation, isolation),
  );
}

async function listIsolations({ api, printer, io }: Session, flags: ListFlags): Promise<void> {
  const isolations = await readPages(async (pageToken, pageSize) => {
    const request = ListIsolationsRequest.fromPartial({
      device: flags.device ?? '',
      activeOnly: flags.active ?? false,
      pageToken,
      pageSize,
    });
    const page = await api.unary(IsolationServiceService.listIsolations, request);
    return { items: page.isolations, nextPageToken: page.nextPageToken };
  }, flags.limit);
  printer.print(
    () => ({
      kind: 'table',
      headings: [
        'DEVICE',
        'MODE',
        'BY',
        'ORDERED',
        'ENFORCED',
        'VERIFIED',
        'ENDED',
        'REMAINING',
        'REASON',
        'ID',
      ],
      rows: isolations.map((isolation) => isolationRow(isolation, io.clock.wall())),
      empty: 'no isolations',
    }),
    () => toProtoJson('ListIsolationsResponse', ListIsolationsResponse, { isolations, nextPageToken: '' }),
  );
}

function isolationRow(isolation: Isolation, now: number): Cell[] {
  return [
    cell(isolation.deviceName || isolation.deviceId),
    cell(
      isolation.mode === IsolationMode.ISOLATION_MODE_UNSPECIFIED
        ? '-'
        : word(isolationModeToJSON(isolation.mode), 'ISOLATION_MODE_'),
    ),
    cell(isolation.requestedBy),
    cell(time(isolation.issuedAt)),
    enforcedCell(isolation.issuedAt, isolation.enforcedAt),
    isolation.enforcedAt ? verificationCell(isolation.evidence?.verification) : cell('-', 'faint'),
    isolation.endedAt
      ? cell(`${time(isolation.endedAt)} ${endCauseText(isolation.endCause)}`)
      : cell('active', 'good'),
    isolationRemaining(isolation, now),
    cell(isolation.reason),
    cell(isolation.id, 'faint'),
  ];
}

/** Time from the order to the stored report, both on the server's clock. */
function enforcedCell(issued: Timestamp | undefined, enforced: Timestamp | undefined): Cell {
  if (!enforced) return cell('not enforced', 'waiting');
  return cell(
    issued
      ? `after ${formatDuration(Math.max(0, fromTimestamp(enforced) - fromTimestamp(issued)))}`
      : time(enforced),
  );
}
