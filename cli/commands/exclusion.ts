import { Option, type Command } from 'commander';
import { withProfileAdded, withProfileUpdated } from '../../shared/exclusions/from-profile.js';
import { exclusionHints } from '../../shared/exclusions/hints.js';
import { profileVersions } from '../../shared/exclusions/profiles.js';
import { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { unknownProfile } from '../document/merge.js';
import { readExclusions } from '../exclusions/check.js';
import { addRuleFlags, type RuleFlags } from '../exclusions/flags.js';
import { withAdded, withDisabled, withEdited, withRemoved } from '../exclusions/list.js';
import { CliError, ExitCode } from '../exit.js';
import { addFile, readFileFlag } from '../file.js';
import { withSession, type GlobalFlags, type RunState, type Session } from '../session/session.js';
import { addAllowUnresolved, type WriteFlags } from '../settings/flags.js';
import { changeHolder, readHolder, settingsOf, withSettings, type HolderRef } from '../settings/holder.js';
import { hintsJson, printOutcome } from '../settings/outcome.js';
import { readProfiles } from '../settings/profiles.js';
import { Printer } from '../view/printer.js';
import { exclusionsView, hintLines } from '../view/settings.js';

interface HolderFlags {
  readonly policy?: string;
  readonly taskDevice?: string;
  readonly taskGroup?: string;
}

type ChangeFlags = HolderFlags & WriteFlags;

/** `cordon exclusion ...` */
export function addExclusionCommands(program: Command, state: RunState): void {
  const exclusions = program
    .command('exclusion')
    .description('what may pass while a device is isolated')
    .addHelpText(
      'after',
      `
Automatic isolation uses the exclusions of the policy alone, manual isolation those of the task alone.
The first change of a task that is not there yet makes it, with what applied to the device or group until then.

Examples:
  cordon exclusion list --policy plant
  cordon exclusion add "jump host" --policy plant --direction in --protocol tcp --local-port 22 --remote-address 10.0.0.5
  cordon exclusion add "backup" --task-device db-1 --direction out --protocol tcp --remote-port 443 --remote-host backup.example.org
  cordon exclusion add-profile ntp-client --policy plant`,
    );

  const change = (command: Command): Command =>
    addAllowUnresolved(addHolder(command)).option('--dry-run', 'ask the server and change nothing');

  addHolder(exclusions.command('list').description('list exclusions')).action(
    (flags: HolderFlags, command: Command) =>
      withSession(state, command, (session) => listExclusions(session, flags)),
  );

  addRuleFlags(
    change(
      exclusions
        .command('add')
        .description('add a rule; what is not given is not looked at')
        .argument('<name>', 'name, unique in the list'),
    ),
  ).action((name: string, flags: ChangeFlags & RuleFlags, command: Command) =>
    withSession(state, command, (session) =>
      changeList(session, flags, (list) => withAdded(list, name, flags)),
    ),
  );

  addRuleFlags(
    change(
      exclusions
        .command('edit')
        .description('change a rule; one from a profile becomes custom')
        .argument('<name>', 'name of the rule')
        .option('--rename <name>', 'another name'),
    ),
  ).action((name: string, flags: ChangeFlags & RuleFlags & { rename?: string }, command: Command) =>
    withSession(state, command, (session) =>
      changeList(session, flags, (list) => withEdited(list, name, flags)),
    ),
  );

  for (const [verb, description, disabled] of [
    ['enable', 'put rules in force again', false],
    ['disable', 'keep rules without effect', true],
  ] as const) {
    change(exclusions.command(verb).description(description).argument('<name...>', 'names of rules')).action(
      (names: string[], flags: ChangeFlags, command: Command) =>
        withSession(state, command, (session) =>
          changeList(session, flags, (list) => withDisabled(list, names, disabled)),
        ),
    );
  }

  change(
    exclusions.command('remove').description('remove rules').argument('<name...>', 'names of rules'),
  ).action((names: string[], flags: ChangeFlags, command: Command) =>
    withSession(state, command, (session) => changeList(session, flags, (list) => withRemoved(list, names))),
  );

  change(
    exclusions
      .command('add-profile')
      .description('copy the rules of a standard profile; they remember where they come from')
      .argument('<profile>', 'id as "cordon profile list" shows it'),
  ).action((id: string, flags: ChangeFlags, command: Command) =>
    withSession(state, command, async (session) => {
      const profile = (await readProfiles(session.api)).find((one) => one.id === id);
      if (!profile) throw unknownProfile(id);
      await changeList(session, flags, (list) => {
        const { exclusions: after, added } = withProfileAdded(list, profile);
        if (added.length === 0) throw nothingNew(`every rule of profile ${id} is in the list already`);
        return after;
      });
    }),
  );

  change(
    exclusions
      .command('update-profile')
      .description('bring copies of a standard profile to its newest version; edited rules stay')
      .argument('<profile>', 'id as "cordon profile list" shows it'),
  ).action((id: string, flags: ChangeFlags, command: Command) =>
    withSession(state, command, async (session) => {
      const newest = await readProfiles(session.api);
      if (!newest.some((one) => one.id === id)) throw unknownProfile(id);
      await changeList(session, flags, (list) => {
        const after = withProfileUpdated(list, id, [...profileVersions(), ...newest]);
        if (same(list, after)) throw nothingNew(`the list has no older rules of profile ${id}`);
        return after;
      });
    }),
  );

  addFile(
    exclusions
      .command('check')
      .description('check a list of exclusions, a policy or a task in a file, offline'),
  ).action(async ({ file }: { file: string }, command: Command) => {
    const { output } = command.optsWithGlobals<GlobalFlags>();
    await checkFile(state, file, new Printer(output, state.io.stdout, state.io.env));
  });
}

/** `--policy`, `--task-device`, `--task-group`. */
function addHolder(command: Command): Command {
  return command
    .addOption(
      new Option('--policy <policy>', 'exclusions of this policy: automatic isolation').conflicts([
        'taskDevice',
        'taskGroup',
      ]),
    )
    .addOption(
      new Option('--task-device <device>', 'of the task of this device: manual isolation').conflicts(
        'taskGroup',
      ),
    )
    .option('--task-group <group>', 'of the task of this group: manual isolation');
}

function holderRef({ policy, taskDevice, taskGroup }: HolderFlags): HolderRef {
  if (policy !== undefined) return { kind: 'policy', name: policy };
  if (taskDevice !== undefined) return { kind: 'task', owner: { kind: 'device', name: taskDevice } };
  if (taskGroup !== undefined) return { kind: 'task', owner: { kind: 'group', name: taskGroup } };
  throw new CliError(
    ExitCode.USAGE,
    'which exclusions are meant is missing',
    'give --policy NAME, --task-device DEVICE or --task-group GROUP',
  );
}

async function listExclusions({ api, printer }: Session, flags: HolderFlags): Promise<void> {
  const { exclusions } = settingsOf(await readHolder(api, holderRef(flags)));
  printer.print(
    () => exclusionsView(exclusions),
    () => ({ exclusions: exclusions.map((one) => toProtoJson('Exclusion', Exclusion, one)) }),
  );
}

async function changeList(
  session: Session,
  flags: ChangeFlags,
  change: (list: readonly Exclusion[]) => Exclusion[],
): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  let names: ReadonlySet<string> = new Set();
  const outcome = await changeHolder(
    session.api,
    holderRef(flags),
    (holder) => {
      const settings = settingsOf(holder);
      const exclusions = change(settings.exclusions);
      names = new Set(exclusions.filter((one) => !settings.exclusions.includes(one)).map(({ name }) => name));
      return {
        holder: withSettings(holder, { ...settings, exclusions }),
        mask: ['settings.exclusions'],
      };
    },
    { validateOnly: dryRun, allowUnresolvedHosts: flags.allowUnresolvedHosts ?? false },
  );
  printOutcome(session, outcome, dryRun, names);
}

function nothingNew(message: string): CliError {
  return new CliError(
    ExitCode.REFUSED,
    `${message}: nothing was changed`,
    '"cordon exclusion list" shows it',
  );
}

function same(left: readonly Exclusion[], right: readonly Exclusion[]): boolean {
  const bytes = (list: readonly Exclusion[]): string =>
    list.map((one) => Buffer.from(Exclusion.encode(one).finish()).toString('base64')).join();
  return bytes(left) === bytes(right);
}

/** `exclusion check`: needs no server. */
async function checkFile({ io }: RunState, path: string, printer: Printer): Promise<void> {
  const { name, text } = await readFileFlag(io, path);
  const exclusions = readExclusions(text, name);
  const hints = exclusionHints(exclusions);
  const count = exclusions.length === 1 ? '1 exclusion' : `${exclusions.length} exclusions`;
  printer.print(
    () => ({ kind: 'text', text: [`${name}: ${count}, in order`, ...hintLines(hints), ''].join('\n') }),
    () => ({ exclusions: exclusions.length, hints: hintsJson(hints) }),
  );
}
