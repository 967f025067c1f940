import type { Command } from 'commander';
import { IsolationMode, isolationModeToJSON, type Isolation } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolationServiceService,
  ListIsolationsRequest,
  ListIsolationsResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { formatDuration, fromTimestamp } from '../../shared/time.js';
import { parseCount } from '../arguments.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { time, verificationCell, word } from '../view/device-rows.js';
import { toProtoJson } from '../view/json.js';
import { cell, type Cell } from '../view/table.js';
import { endCauseText } from '../wait/progress.js';
import { readDevices } from './devices.js';

interface ListFlags {
  readonly device?: string;
  readonly active?: boolean;
  readonly limit: number;
}

/** `cordon isolations list` */
export function addIsolationsCommands(program: Command, state: RunState): void {
  program
    .command('isolations')
    .description('look at isolations, past and present')
    .command('list')
    .description('list isolations, newest first')
    .option('--device <device>', 'of this device alone')
    .option('--active', 'only those that have not ended')
    .option('--limit <n>', 'at most this many', parseCount(1, 100_000), 100)
    .action((flags: ListFlags, command: Command) =>
      withSession(state, command, (session) => listIsolations(session, flags)),
    );
}

async function listIsolations({ api, printer }: Session, flags: ListFlags): Promise<void> {
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
  const names = new Map<string, string>();
  if (printer.format === 'table' && isolations.length > 0) {
    for (const { id, name } of await readDevices(api)) names.set(id, name);
  }
  printer.print(
    () => ({
      kind: 'table',
      headings: ['DEVICE', 'MODE', 'BY', 'ORDERED', 'ENFORCED', 'VERIFIED', 'ENDED', 'REASON', 'ID'],
      rows: isolations.map((isolation) => isolationRow(isolation, names)),
      empty: 'no isolations',
    }),
    () => toProtoJson('ListIsolationsResponse', ListIsolationsResponse, { isolations, nextPageToken: '' }),
  );
}

function isolationRow(isolation: Isolation, names: ReadonlyMap<string, string>): Cell[] {
  return [
    cell(names.get(isolation.deviceId) ?? isolation.deviceId),
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
