import { Option, type Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import {
  DeleteNetworkIsolationTaskRequest,
  GetEffectiveNetworkIsolationTaskResponse,
  ListNetworkIsolationTasksResponse,
  TaskServiceService,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { printForm } from '../document/write.js';
import { CliError, ExitCode } from '../exit.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { applyTask, exportForm } from '../settings/apply.js';
import { addApplyFlags, type ApplyFlags } from '../settings/apply-flags.js';
import {
  addAllowUnresolved,
  addSettingsFlags,
  applySettingsFlags,
  requireChange,
  type SettingsFlags,
  type WriteFlags,
} from '../settings/flags.js';
import { changeHolder, settingsOf, withSettings } from '../settings/holder.js';
import { printOutcome } from '../settings/outcome.js';
import { findOwner, readEffectiveTask, readTasks, type TaskOwner } from '../settings/tasks.js';
import { delayText, settingsView, taskView } from '../view/settings.js';
import { cell, type Cell } from '../view/table.js';

interface OwnerFlags {
  readonly device?: string;
  readonly group?: string;
}

/** `cordon task ...` */
export function addTaskCommands(program: Command, state: RunState): void {
  const tasks = program
    .command('task')
    .description('settings of manual isolation: network-isolation tasks of devices and groups');

  tasks
    .command('list')
    .description('list network-isolation tasks')
    .action((_: unknown, command: Command) => withSession(state, command, listTasks));

  addOwner(tasks.command('show').description('show the task of a device or a group itself')).action(
    (flags: OwnerFlags, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const task = await readOwnTask({ api }, flags);
        printer.print(
          () => taskView(task),
          () => toProtoJson('NetworkIsolationTask', NetworkIsolationTask, task),
        );
      }),
  );

  tasks
    .command('effective')
    .description('show which settings manual isolation of a device has, and why')
    .argument('<device>', 'name or id')
    .action((device: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => showEffective(session, device)),
    );

  addAllowUnresolved(
    addSettingsFlags(
      addOwner(
        tasks
          .command('set')
          .description(
            'change single settings; makes the task if there is none, with what applied until then',
          ),
      ),
    ),
  )
    .option('--dry-run', 'ask the server and change nothing')
    .addHelpText(
      'after',
      '\nExamples:\n  cordon task set --device laptop-17 --release-delay 0\n  cordon task set --group "OT/line 1" --notification-text "Call 4711"',
    )
    .action((flags: OwnerFlags & SettingsFlags & WriteFlags, command: Command) =>
      withSession(state, command, (session) => setTask(session, flags)),
    );

  addOwner(
    tasks.command('delete').description('remove a task; its devices follow the next one that applies'),
  ).action((flags: OwnerFlags, command: Command) =>
    withSession(state, command, async ({ api, printer }) => {
      const task = await readOwnTask({ api }, flags);
      const request = DeleteNetworkIsolationTaskRequest.fromPartial({
        id: task.id,
        etag: task.etag,
        requestId: newId(),
      });
      await api.unary(TaskServiceService.deleteNetworkIsolationTask, request);
      printer.print(
        () => ({ kind: 'text', text: `deleted the task of ${printable(ownerText(owner(flags)))}\n` }),
        () => ({}),
      );
    }),
  );

  addApplyFlags(
    tasks.command('apply'),
    'task',
    `Example of a file ("group: OT/line 1" in place of "device" for the task of a group):
  task:
    device: laptop-17
    release_delay: 4h
    exclusions:
      - profile: dns-client
      - name: backup
        direction: outbound
        protocol: tcp
        remote_ports: [443]
        remote_host: backup.example.org`,
  ).action((flags: ApplyFlags, command: Command) =>
    withSession(state, command, (session) => applyTask(session, flags)),
  );

  addOwner(
    tasks.command('export').description('print a task as "apply" reads it: YAML, or JSON with -o json'),
  ).action((flags: OwnerFlags, command: Command) =>
    withSession(state, command, async ({ api, printer }) => {
      const task = await readOwnTask({ api }, flags);
      printForm(printer, exportForm({ kind: 'task', owner: owner(flags), task, exists: true }));
    }),
  );
}

/** `--device` and `--group`, one of them mandatory. */
function addOwner(command: Command): Command {
  return command
    .addOption(new Option('--device <device>', 'the task of this device: name or id').conflicts('group'))
    .option('--group <group>', 'the task of this group: path, id or root');
}

function owner({ device, group }: OwnerFlags): TaskOwner {
  if (device !== undefined) return { kind: 'device', name: device };
  if (group !== undefined) return { kind: 'group', name: group };
  throw new CliError(ExitCode.USAGE, 'which task is meant is missing', 'give --device NAME or --group PATH');
}

function ownerText({ kind, name }: TaskOwner): string {
  return `${kind} ${name}`;
}

async function readOwnTask({ api }: Pick<Session, 'api'>, flags: OwnerFlags): Promise<NetworkIsolationTask> {
  const ref = owner(flags);
  const { task } = await findOwner(api, ref);
  if (task) return task;
  throw new CliError(
    ExitCode.REFUSED,
    `${ownerText(ref)} has no task of its own`,
    ref.kind === 'device'
      ? `"cordon task effective ${ref.name}" shows what applies; "cordon task set" makes one`
      : '"cordon task list" shows the tasks; "cordon task set" makes one',
  );
}

async function listTasks({ api, printer }: Session): Promise<void> {
  const networkIsolationTasks = await readTasks(api);
  printer.print(
    () => ({
      kind: 'table',
      headings: ['OF', 'NAME', 'RELEASE DELAY', 'EXCLUSIONS', 'PROFILES', 'ID'],
      rows: networkIsolationTasks.map(taskRow),
      empty: 'no tasks: manual isolation has its defaults; "cordon task set" makes one',
    }),
    () =>
      toProtoJson('ListNetworkIsolationTasksResponse', ListNetworkIsolationTasksResponse, {
        networkIsolationTasks,
        nextPageToken: '',
      }),
  );
}

function taskRow(task: NetworkIsolationTask): Cell[] {
  return [
    cell(task.scope?.target?.$case === 'groupId' ? 'group' : 'device'),
    cell(task.scopeName || 'root'),
    cell(delayText(task.settings)),
    cell(String(task.settings?.exclusions.length ?? 0)),
    task.profileUpdates.length > 0
      ? cell(`newer: ${task.profileUpdates.map(({ profileId }) => profileId).join(', ')}`, 'waiting')
      : cell('up to date', 'faint'),
    cell(task.id, 'faint'),
  ];
}

async function showEffective({ api, printer }: Session, device: string): Promise<void> {
  const response = await readEffectiveTask(api, device);
  const { networkIsolationTask: task, settings, explanation } = response;
  printer.print(
    () => ({
      kind: 'sections',
      sections: [
        { kind: 'text', text: `${printable(explanation)}\n` },
        task ? taskView(task) : settingsView(settings, 'manual'),
      ],
    }),
    () =>
      toProtoJson(
        'GetEffectiveNetworkIsolationTaskResponse',
        GetEffectiveNetworkIsolationTaskResponse,
        response,
      ),
  );
}

async function setTask(session: Session, flags: OwnerFlags & SettingsFlags & WriteFlags): Promise<void> {
  const ref = owner(flags);
  const dryRun = flags.dryRun ?? false;
  const outcome = await changeHolder(
    session.api,
    { kind: 'task', owner: ref },
    (holder) => {
      const { settings, mask } = applySettingsFlags(settingsOf(holder), flags);
      requireChange(mask, '--release-delay 4h');
      return { holder: withSettings(holder, settings), mask };
    },
    { validateOnly: dryRun, allowUnresolvedHosts: flags.allowUnresolvedHosts ?? false },
  );
  printOutcome(session, outcome, dryRun);
}
