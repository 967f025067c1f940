import { InvalidArgumentError, type Command } from 'commander';
import { characters } from '../../shared/characters.js';
import { printable } from '../../shared/command-line/printable.js';
import { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import {
  CreateIocScanTaskRequest,
  RunIocScanTaskRequest,
  TaskServiceService,
  UpdateIocScanTaskRequest,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { CliError, ExitCode } from '../exit.js';
import { withoutOverwriting } from '../overtaken.js';
import { applyScanFlags, scopeOf } from '../scan/apply-flags.js';
import { nameDocuments, type NamedDocuments } from '../scan/documents.js';
import { addScanFlags, type ScanFlags } from '../scan/flags.js';
import { readScan, requireScan } from '../scan/tasks.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { requireChange } from '../settings/flags.js';
import { planText, scopeText } from '../view/scan-task.js';

interface ChangeFlags extends ScanFlags {
  readonly dryRun?: boolean;
}

interface CreateFlags extends ChangeFlags {
  readonly now?: boolean;
}

interface SetFlags extends ChangeFlags {
  readonly rename?: string;
}

/** What the server says to a change, or to the idea of one. */
interface Outcome {
  readonly task: IocScanTask;
  readonly hints: readonly string[];
}

/** `cordon scan create` and `cordon scan set`. */
export function addScanChangeCommands(scans: Command, state: RunState): void {
  addScanFlags(
    scans
      .command('create')
      .description('make a scan')
      .argument('<name>', 'name, 1 to 128 characters', parseName)
      .option('--now', 'run it at once, too'),
  )
    .option('--dry-run', 'ask the server and change nothing')
    .addHelpText(
      'after',
      `
Devices are those of --device, or those for which all of --group, --tag and the others hold; "--group root" is all.
Without a plan (--at, --daily, --weekly, --cron) a scan runs when it is told to: --now, or "cordon scan run".

Examples:
  cordon scan create zeus --document zeus.ioc --device laptop-17 --now
  cordon scan create nightly --document 5f0c3a2b1e44 --group "OT/line 1" --daily 03:00 --spread 30m
  cordon scan create hunt --document "Zeus variants" --tag critical --os windows --area local-drives \\
    --exclude "C:\\\\Data\\\\**" --cpu 20 --rate 20MB --weekly "sun 03:00" --time-zone Europe/Berlin \\
    --respond isolate,quarantine`,
    )
    .action((name: string, flags: CreateFlags, command: Command) =>
      withSession(state, command, (session) => createScan(session, name, flags)),
    );

  addScanFlags(
    scans
      .command('set')
      .description('change single settings; runs that wait are replaced, one that runs goes on as it was')
      .argument('<scan>', 'name or id')
      .option('--rename <name>', 'new name, 1 to 128 characters', parseName),
  )
    .option('--dry-run', 'ask the server and change nothing')
    .addHelpText(
      'after',
      `
A list that is given (--document, --folder, --exclude, --without) takes the place of the one that is there.

Examples:
  cordon scan set nightly --cpu 20 --daily 01:30
  cordon scan set nightly --on-demand
  cordon scan set hunt --respond none`,
    )
    .action((name: string, flags: SetFlags, command: Command) =>
      withSession(state, command, (session) => setScan(session, name, flags)),
    );
}

function parseName(text: string): string {
  const name = text.trim();
  if (name === '' || characters(name) > 128)
    throw new InvalidArgumentError('A name has 1 to 128 characters.');
  return name;
}

async function createScan(session: Session, name: string, flags: CreateFlags): Promise<void> {
  const { io } = session;
  const dryRun = flags.dryRun ?? false;
  if (!flags.document) {
    throw new CliError(
      ExitCode.USAGE,
      '--document is missing: what is looked for?',
      'give a document or a file; "cordon ioc list" shows those that are stored',
    );
  }
  if (!scopeOf(flags)) {
    throw new CliError(
      ExitCode.USAGE,
      'which devices are meant is missing',
      'give --device NAME, or a flag such as --group; "--group root" is all',
    );
  }
  // Before anything is stored: flags that do not fit each other.
  applyScanFlags(IocScanTask.fromPartial({}), flags, [], io.clock.wall());
  const documents = await readNamed(session, flags.document, dryRun);
  const { task } = applyScanFlags(
    IocScanTask.fromPartial({ displayName: name }),
    flags,
    documents.hashes,
    io.clock.wall(),
  );
  const outcome = documents.unstored.length > 0 ? { task, hints: [] } : await create(session, task, dryRun);
  const commandIds = flags.now && !dryRun ? await runNow(session, outcome.task.id) : [];
  printOutcome(session, 'made', outcome, documents, dryRun, commandIds);
}

async function create({ api }: Session, iocScanTask: IocScanTask, validateOnly: boolean): Promise<Outcome> {
  const request = CreateIocScanTaskRequest.fromPartial({ iocScanTask, requestId: newId(), validateOnly });
  const response = await api.unary(TaskServiceService.createIocScanTask, request);
  return { task: requireScan(response.iocScanTask), hints: response.hints };
}

async function runNow({ api }: Session, id: string): Promise<readonly string[]> {
  const request = RunIocScanTaskRequest.fromPartial({ id, requestId: newId() });
  return (await api.unary(TaskServiceService.runIocScanTask, request)).commandIds;
}

async function setScan(session: Session, name: string, flags: SetFlags): Promise<void> {
  const { api, io } = session;
  const dryRun = flags.dryRun ?? false;
  const documents = flags.document && (await readNamed(session, flags.document, dryRun));
  const change = (before: IocScanTask): ReturnType<typeof applyScanFlags> => {
    const { task, mask } = applyScanFlags(before, flags, documents?.hashes, io.clock.wall());
    return flags.rename === undefined
      ? { task, mask }
      : { task: { ...task, displayName: flags.rename }, mask: [...mask, 'display_name'] };
  };
  const outcome = await withoutOverwriting(async (): Promise<Outcome> => {
    const { task, mask } = change(await readScan(api, name));
    requireChange(mask, '--daily 03:00');
    if (documents && documents.unstored.length > 0) return { task, hints: [] };
    const request = UpdateIocScanTaskRequest.fromPartial({
      iocScanTask: task,
      updateMask: [...mask],
      requestId: newId(),
      validateOnly: dryRun,
    });
    const response = await api.unary(TaskServiceService.updateIocScanTask, request);
    return { task: requireScan(response.iocScanTask), hints: response.hints };
  });
  printOutcome(session, 'changed', outcome, documents, dryRun, []);
}

/** Says on standard error what is stored on the way. */
function readNamed({ api, io }: Session, names: readonly string[], dryRun: boolean): Promise<NamedDocuments> {
  return nameDocuments(api, names, dryRun, (path, { displayName }) =>
    io.stderr.write(`${printable(`stored ${path}: "${displayName}"`)}\n`),
  );
}

function printOutcome(
  { printer }: Session,
  done: 'made' | 'changed',
  { task, hints }: Outcome,
  documents: NamedDocuments | undefined,
  dryRun: boolean,
  commandIds: readonly string[],
): void {
  const unstored = documents?.unstored ?? [];
  const verb = dryRun ? `nothing is changed; would have ${done}` : done;
  printer.print(
    () => ({
      kind: 'text',
      text: [
        printable(`${verb} scan ${task.displayName} for ${scopeText(task)}: ${planText(task)}`),
        ...(commandIds.length > 0 ? [`told ${commandIds.length} devices to scan now`] : []),
        ...(unstored.length > 0
          ? [printable(`checked only in part: these files are not stored yet: ${unstored.join(', ')}`)]
          : []),
        ...hints.map((hint) => printable(`hint: ${hint}`)),
        '',
      ].join('\n'),
    }),
    () => ({
      dryRun,
      created: done === 'made',
      iocScanTask: toProtoJson('IocScanTask', IocScanTask, task),
      hints: [...hints],
      commandIds: [...commandIds],
    }),
  );
}
