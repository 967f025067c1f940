import type { JsonValue } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { printable } from '../../shared/command-line/printable.js';
import { isServiceError } from '../../shared/errors.js';
import { withTrueSources } from '../../shared/exclusions/from-profile.js';
import { profileVersions } from '../../shared/exclusions/profiles.js';
import type { ExclusionProfile } from '../../shared/gen/cordon/v1/exclusion.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { CreatePolicyRequest, PolicyServiceService } from '../../shared/gen/cordon/v1/policy_service.js';
import { newId } from '../../shared/ids.js';
import type { Api } from '../client.js';
import { confirm } from '../confirm.js';
import { changeLines, diffForms, touchedNames, type Change } from '../document/diff.js';
import { policyForm, taskForm, type Form } from '../document/form.js';
import { maskOf, mergePolicy, mergeTask } from '../document/merge.js';
import { readDocument } from '../document/read.js';
import {
  policyFile,
  taskFile,
  type PolicyFile,
  type SettingsFile,
  type TaskFile,
} from '../document/schema.js';
import { CliError, ExitCode } from '../exit.js';
import { readFileFlag } from '../file.js';
import type { Session } from '../session/session.js';
import { hintLines } from '../view/settings.js';
import type { ApplyFlags } from './apply-flags.js';
import { holderTitle, writeHolder, type Holder, type Outcome, type WriteOptions } from './holder.js';
import { devicesText, hintsJson, holderJson } from './outcome.js';
import { readPolicy } from './policies.js';
import { readProfiles } from './profiles.js';
import { defaultSettings, findOwner, newTask } from './tasks.js';

/** What a file asks for. */
interface Plan {
  readonly holder: Holder;
  readonly isNew: boolean;
  readonly changes: readonly Change[];
  readonly mask: readonly string[];
}

/** `policy apply` */
export async function applyPolicy(session: Session, flags: ApplyFlags): Promise<void> {
  const { name, text } = await readFileFlag(session.io, flags.file);
  const { policy } = readDocument(text, name, z.strictObject({ policy: policyFile }));
  await apply(session, flags, await planPolicy(session.api, policy));
}

/** `task apply` */
export async function applyTask(session: Session, flags: ApplyFlags): Promise<void> {
  const { name, text } = await readFileFlag(session.io, flags.file);
  const { task } = readDocument(text, name, z.strictObject({ task: taskFile }));
  await apply(session, flags, await planTask(session.api, task));
}

async function planPolicy(api: Api, file: PolicyFile): Promise<Plan> {
  const profiles = await neededProfiles(api, file);
  const current = await findPolicy(api, file.name);
  if (!current && file.group === undefined) {
    throw new CliError(
      ExitCode.USAGE,
      `policy.group: is missing, and there is no policy "${file.name}" yet`,
      'write the group that the policy is for, for example "group: root"',
    );
  }
  const start = current ?? Policy.fromPartial({ settings: defaultSettings() });
  const policy = withTrueSettings(mergePolicy(start, file, profiles), profiles);
  const changes = diffForms(current ? policyForm(current) : {}, policyForm(policy));
  return {
    holder: { kind: 'policy', policy },
    isNew: !current,
    changes,
    mask: maskOf(changes, current?.localRelease ? [] : ['local_release']),
  };
}

async function findPolicy(api: Api, name: string): Promise<Policy | undefined> {
  try {
    return await readPolicy(api, name);
  } catch (error) {
    if (isServiceError(error) && error.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

async function planTask(api: Api, file: TaskFile): Promise<Plan> {
  const profiles = await neededProfiles(api, file);
  const ref =
    file.device === undefined
      ? ({ kind: 'group', name: file.group ?? '' } as const)
      : ({ kind: 'device', name: file.device } as const);
  const owner = await findOwner(api, ref);
  const current = owner.task;
  const start = current ?? newTask({ ...owner, inherited: defaultSettings() });
  const task = withTrueSettings(mergeTask(start, file, profiles), profiles);
  const changes = diffForms(current ? taskForm(current) : {}, taskForm(task));
  return {
    holder: { kind: 'task', owner, task, exists: current !== undefined },
    isNew: !current,
    changes,
    mask: maskOf(changes),
  };
}

/** Profiles of the server are asked for only where the file names one. */
async function neededProfiles(api: Api, { exclusions }: SettingsFile): Promise<ExclusionProfile[]> {
  const named = exclusions?.some((entry) => entry.kind === 'profile' || entry.exclusion.source !== undefined);
  return named ? readProfiles(api) : [];
}

/** As the server will store them: an edited rule is custom, whatever the file says of its source. */
function withTrueSettings<Owner extends { readonly settings?: IsolationSettings | undefined }>(
  owner: Owner,
  profiles: readonly ExclusionProfile[],
): Owner {
  const { settings } = owner;
  if (!settings) return owner;
  const exclusions = withTrueSources(settings.exclusions, [...profileVersions(), ...profiles]);
  return { ...owner, settings: { ...settings, exclusions } };
}

async function apply(session: Session, flags: ApplyFlags, plan: Plan): Promise<void> {
  const { io, api, printer } = session;
  const dryRun = flags.dryRun ?? false;
  if (plan.changes.length === 0) return printApplied(session, plan, undefined, dryRun);
  const options: WriteOptions = {
    validateOnly: true,
    allowUnresolvedHosts: flags.allowUnresolvedHosts ?? false,
  };
  const expected = await write(api, plan, options);
  const before = [
    `${printable(holderTitle(plan.holder))}${plan.isNew ? ' (new)' : ''}:`,
    ...changeLines(plan.changes).map((line) => `  ${printable(line)}`),
    ...hintLines(expected.hints, plan.isNew ? undefined : touchedNames(plan.changes)),
    dryRun
      ? `nothing is changed; ${devicesText(expected.affectedDevices)} such a change`
      : devicesText(expected.affectedDevices),
    '',
  ].join('\n');
  // A program reads it in the result; a person who is asked has to see it first.
  if (printer.format === 'table') io.stdout.write(before);
  else if (!dryRun && !flags.yes) io.stderr.write(before);
  if (dryRun) return printApplied(session, plan, expected, true);
  await confirm(io, plan.isNew ? 'Make it?' : 'Change it?', flags);
  printApplied(session, plan, await write(api, plan, { ...options, validateOnly: false }), false);
}

async function write(api: Api, { holder, isNew, mask }: Plan, options: WriteOptions): Promise<Outcome> {
  if (holder.kind === 'policy' && isNew) {
    const request = CreatePolicyRequest.fromPartial({
      policy: holder.policy,
      requestId: newId(),
      ...options,
    });
    const { policy, ...said } = await api.unary(PolicyServiceService.createPolicy, request);
    return { ...said, holder: { kind: 'policy', policy: policy ?? holder.policy }, created: true };
  }
  return writeHolder(api, holder, mask, options);
}

function printApplied(
  { printer }: Session,
  { holder, isNew, changes }: Plan,
  outcome: Outcome | undefined,
  dryRun: boolean,
): void {
  const title = printable(holderTitle(holder));
  printer.print(
    () => ({
      kind: 'text',
      text:
        dryRun && outcome
          ? ''
          : outcome
            ? `${isNew ? 'made' : 'changed'} ${title}\n`
            : `no changes: ${title} is as the file says\n`,
    }),
    (): JsonValue => ({
      dryRun,
      changed: outcome !== undefined && !dryRun,
      created: isNew && !dryRun,
      changes: changeLines(changes),
      hints: hintsJson(outcome?.hints ?? []),
      affectedDevices: outcome?.affectedDevices ?? 0,
      ...holderJson(outcome?.holder ?? holder),
    }),
  );
}

/** A policy or a task as `apply` reads it. */
export function exportForm(holder: Holder): Form {
  return holder.kind === 'policy' ? { policy: policyForm(holder.policy) } : { task: taskForm(holder.task) };
}
