import type { Command } from 'commander';
import type { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import {
  AuditServiceService,
  ListAuditRecordsRequest,
  ListAuditRecordsResponse,
  VerifyAuditChainRequest,
  VerifyAuditChainResponse,
} from '../../shared/gen/cordon/v1/audit_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { parseCount } from '../arguments.js';
import { CliError, ExitCode } from '../exit.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { time } from '../view/device-rows.js';
import { cell, type Cell } from '../view/table.js';

interface ListFlags {
  readonly device?: string;
  readonly action?: string;
  readonly limit: number;
}

/** `cordon audit ...` */
export function addAuditCommands(program: Command, state: RunState): void {
  const audit = program.command('audit').description('who did what');

  audit
    .command('list')
    .description('list audit records, newest first')
    .option('--device <device>', 'about this device alone')
    .option('--action <action>', 'with this action alone, for example isolation.isolate')
    .option('--limit <n>', 'at most this many', parseCount(1, 1_000_000), 50)
    .action((flags: ListFlags, command: Command) =>
      withSession(state, command, (session) => listRecords(session, flags)),
    );

  audit
    .command('verify')
    .description('recompute the hash chain; exit code 1 when a record does not fit')
    .action((_: unknown, command: Command) => withSession(state, command, verifyChain));
}

async function listRecords({ api, printer }: Session, flags: ListFlags): Promise<void> {
  const records = await readPages(async (pageToken, pageSize) => {
    const request = ListAuditRecordsRequest.fromPartial({
      device: flags.device ?? '',
      action: flags.action ?? '',
      pageToken,
      pageSize,
    });
    const page = await api.unary(AuditServiceService.listAuditRecords, request);
    return { items: page.records, nextPageToken: page.nextPageToken };
  }, flags.limit);
  printer.print(
    () => ({
      kind: 'table',
      headings: ['#', 'TIME', 'WHO', 'ACTION', 'DEVICE', 'REASON', 'DETAILS'],
      rows: records.map(recordRow),
      empty: 'no audit records',
    }),
    () => toProtoJson('ListAuditRecordsResponse', ListAuditRecordsResponse, { records, nextPageToken: '' }),
  );
}

function recordRow(record: AuditRecord): Cell[] {
  return [
    cell(String(record.sequence)),
    cell(time(record.occurredAt)),
    cell(record.actor),
    cell(record.action),
    cell(record.deviceId || '-'),
    cell(record.reason || '-'),
    cell(record.detailsJson === '{}' ? '-' : record.detailsJson, 'faint'),
  ];
}

async function verifyChain({ api, printer }: Session): Promise<void> {
  const request = VerifyAuditChainRequest.fromPartial({});
  const response = await api.unary(AuditServiceService.verifyAuditChain, request);
  const broken = response.firstBrokenSequence;
  if (broken === 0n || printer.format !== 'table') {
    printer.print(
      () => ({ kind: 'text', text: `the chain is whole: ${response.checked} records checked\n` }),
      () => toProtoJson('VerifyAuditChainResponse', VerifyAuditChainResponse, response),
    );
  }
  if (broken !== 0n) {
    throw new CliError(
      ExitCode.REFUSED,
      `the audit chain is broken at record ${broken}`,
      'somebody changed the store: keep a copy of it and compare with a backup',
    );
  }
}
