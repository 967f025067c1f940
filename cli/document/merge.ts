import { fromProfile } from '../../shared/exclusions/from-profile.js';
import type { Exclusion, ExclusionProfile } from '../../shared/gen/cordon/v1/exclusion.js';
import {
  IsolationSettings,
  ServerLossAction,
  UnconfirmedAction,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { LocalReleaseSettings } from '../../shared/gen/cordon/v1/policy.js';
import type { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import { toDuration } from '../../shared/time.js';
import { CliError, ExitCode } from '../exit.js';
import type { Change } from './diff.js';
import type { ExclusionEntry, PolicyFile, SettingsFile, TaskFile } from './schema.js';

/** A policy with everything that a file says; what the file leaves out stays. */
export function mergePolicy(policy: Policy, file: PolicyFile, profiles: readonly ExclusionProfile[]): Policy {
  // A new policy has no group yet, which is not the root group.
  const here = policy.groupId === '' ? [] : [policy.groupId, policy.groupPath || 'root'];
  const stays = file.group === undefined || here.includes(file.group);
  const local = file.local_release;
  return {
    ...policy,
    displayName: file.name,
    ...(stays ? {} : { groupId: file.group ?? '', groupPath: file.group ?? '' }),
    automaticIsolation: file.automatic_isolation ?? policy.automaticIsolation,
    settings: mergeSettings(policy.settings ?? IsolationSettings.fromPartial({}), file, profiles),
    trustedDetectors: file.trusted_detectors ?? policy.trustedDetectors,
    localRelease: local
      ? mergeLocalRelease(policy.localRelease ?? LocalReleaseSettings.fromPartial({}), local)
      : policy.localRelease,
  };
}

/** Where nothing was set, what the file leaves out has the contract's defaults: an administrator needs a password. */
function mergeLocalRelease(
  local: LocalReleaseSettings,
  file: NonNullable<PolicyFile['local_release']>,
): LocalReleaseSettings {
  const passwordHash = file.password_hash ?? local.passwordHash;
  return {
    administratorWithoutPassword: file.administrator_without_password ?? local.administratorWithoutPassword,
    users: file.users ?? local.users,
    passwordHash,
    hasPassword: file.password_hash === undefined ? local.hasPassword : passwordHash !== '',
  };
}

/** A network-isolation task, likewise. */
export function mergeTask(
  task: NetworkIsolationTask,
  file: TaskFile,
  profiles: readonly ExclusionProfile[],
): NetworkIsolationTask {
  return {
    ...task,
    settings: mergeSettings(task.settings ?? IsolationSettings.fromPartial({}), file, profiles),
  };
}

function mergeSettings(
  settings: IsolationSettings,
  file: SettingsFile,
  profiles: readonly ExclusionProfile[],
): IsolationSettings {
  const onServerLoss = file.on_server_loss
    ? {
        keep: ServerLossAction.SERVER_LOSS_ACTION_KEEP,
        release: ServerLossAction.SERVER_LOSS_ACTION_RELEASE,
      }[file.on_server_loss]
    : settings.onServerLoss;
  const onUnconfirmed = file.on_unconfirmed
    ? {
        keep: UnconfirmedAction.UNCONFIRMED_ACTION_KEEP,
        roll_back: UnconfirmedAction.UNCONFIRMED_ACTION_ROLL_BACK,
      }[file.on_unconfirmed]
    : settings.onUnconfirmed;
  return {
    exclusions: file.exclusions
      ? expandEntries(file.exclusions, settings.exclusions, profiles)
      : settings.exclusions,
    releaseDelay: file.release_delay === undefined ? settings.releaseDelay : toDuration(file.release_delay),
    notificationText: file.notification_text ?? settings.notificationText,
    onServerLoss,
    serverLossReleaseAfter:
      file.server_loss_release_after === undefined
        ? settings.serverLossReleaseAfter
        : toDuration(file.server_loss_release_after),
    onUnconfirmed,
  };
}

/**
 * The rules of a list. `profile: ID` stands for the rules that the list has from this profile already, whatever their
 * version (a newer one is offered, never applied silently), and for the newest rules where it has none.
 * @param current rules that the server has
 * @throws CliError for an unknown profile
 */
export function expandEntries(
  entries: readonly ExclusionEntry[],
  current: readonly Exclusion[],
  profiles: readonly ExclusionProfile[],
): Exclusion[] {
  return entries.flatMap((entry) => {
    switch (entry.kind) {
      case 'rule':
        return [entry.exclusion];
      case 'profile': {
        const profile = profiles.find(({ id }) => id === entry.profileId);
        if (!profile) throw unknownProfile(entry.profileId);
        const kept = current.filter(({ source }) => source?.profileId === entry.profileId);
        return kept.length > 0 ? kept : fromProfile(profile);
      }
    }
  });
}

export function unknownProfile(id: string): CliError {
  return new CliError(ExitCode.USAGE, `there is no profile "${id}"`, '"cordon profile list" shows the ids');
}

/**
 * Fields that changes touch, as an update mask names them.
 * @param whole blocks that are not there yet and are sent as one
 */
export function maskOf(changes: readonly Change[], whole: readonly string[] = []): string[] {
  const paths = changes.map((change) => {
    const key = change.kind === 'set' ? change.key : 'exclusions';
    return whole.find((block) => key.startsWith(`${block}.`)) ?? MASK[key] ?? key;
  });
  return [...new Set(paths)];
}

const MASK: Readonly<Record<string, string>> = {
  name: 'display_name',
  group: 'group_id',
  release_delay: 'settings.release_delay',
  on_server_loss: 'settings.on_server_loss',
  server_loss_release_after: 'settings.server_loss_release_after',
  on_unconfirmed: 'settings.on_unconfirmed',
  notification_text: 'settings.notification_text',
  exclusions: 'settings.exclusions',
};
