import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import {
  DeleteIocScanTaskRequest,
  ListIocScanTasksResponse,
  TaskServiceService,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { addConfirm, confirm, type ConfirmFlags } from '../confirm.js';
import { readDocuments } from '../ioc/documents.js';
import { printRuns } from '../scan/print-runs.js';
import { readNewestRuns } from '../scan/runs.js';
import { readScan, readScans } from '../scan/tasks.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { SCAN_HEADINGS, scanRow, scanTaskView, scopeText } from '../view/scan-task.js';
import { runsView } from '../view/scan-runs.js';
import { addScanChangeCommands } from './scan-change.js';
import { addScanRunCommand } from './scan-run.js';
import { addScanSteerCommands } from './scan-steer.js';

/** `cordon scan ...` */
export function addScanCommands(program: Command, state: RunState): void {
  const scans = program
    .command('scan')
    .description('look for indicators of compromise on devices: IOC scan tasks and their runs');

  addScanChangeCommands(scans, state);

  scans
    .command('list')
    .description('list scans with their plans and how their runs stand')
    .action((_: unknown, command: Command) => withSession(state, command, listScans));

  scans
    .command('show')
    .description('show a scan: what it looks for and where, when it runs, how each device stands')
    .argument('<scan>', 'name or id')
    .action((name: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => showScan(session, name)),
    );

  scans
    .command('status')
    .description('show how the newest run of each device stands')
    .argument('<scan>', 'name or id')
    .action((name: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => printRuns(session, name)),
    );

  addScanRunCommand(scans, state);
  addScanSteerCommands(scans, state);

  addConfirm(
    scans
      .command('remove')
      .description('remove a scan; runs that wait or run are cancelled, alerts stay')
      .argument('<scan>', 'name or id'),
  )
    .addHelpText('after', '\nExample:\n  cordon scan remove nightly --yes')
    .action((name: string, flags: ConfirmFlags, command: Command) =>
      withSession(state, command, (session) => removeScan(session, name, flags)),
    );
}

async function listScans({ api, printer }: Session): Promise<void> {
  const iocScanTasks = await readScans(api);
  printer.print(
    () => ({
      kind: 'table',
      headings: SCAN_HEADINGS,
      rows: iocScanTasks.map(scanRow),
      empty: 'no scans; "cordon scan create" makes one',
    }),
    () =>
      toProtoJson('ListIocScanTasksResponse', ListIocScanTasksResponse, { iocScanTasks, nextPageToken: '' }),
  );
}

async function showScan({ api, printer, io }: Session, name: string): Promise<void> {
  const task = await readScan(api, name);
  if (printer.format !== 'table') {
    printer.print(
      () => ({ kind: 'text', text: '' }),
      () => toProtoJson('IocScanTask', IocScanTask, task),
    );
    return;
  }
  const [documents, runs] = await Promise.all([
    readDocuments(api),
    readNewestRuns(api, task.id, io.clock.wall()),
  ]);
  printer.print(
    () => ({
      kind: 'sections',
      sections: [scanTaskView(task, documents), runsView(runs)],
    }),
    () => ({}),
  );
}

async function removeScan(session: Session, name: string, flags: ConfirmFlags): Promise<void> {
  const { api, io, printer } = session;
  const task = await readScan(api, name);
  const what = printable(`scan ${task.displayName} for ${scopeText(task)}`);
  if (!flags.dryRun) {
    await confirm(io, `Remove ${what}?`, flags);
    const request = DeleteIocScanTaskRequest.fromPartial({
      id: task.id,
      etag: task.etag,
      requestId: newId(),
    });
    await api.unary(TaskServiceService.deleteIocScanTask, request);
  }
  printer.print(
    () => ({
      kind: 'text',
      text: flags.dryRun ? `nothing is changed; would remove ${what}\n` : `removed ${what}\n`,
    }),
    () => toProtoJson('IocScanTask', IocScanTask, task),
  );
}
