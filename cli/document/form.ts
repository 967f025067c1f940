import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import {
  ServerLossAction,
  UnconfirmedAction,
  type IsolationSettings,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import type { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import { fromDuration, RELEASE_DELAY } from '../../shared/time.js';
import { directionWord, portWord, programWords, protocolWord } from '../exclusions/words.js';

/** A value of a document: what YAML and JSON both have. */
export type FormValue = string | number | boolean | readonly FormValue[] | Form;

/** One block of a document, keys in the order in which they are written. A key without a value is left out. */
export interface Form {
  readonly [key: string]: FormValue | undefined;
}

/** Which mode the settings are for: defaults differ. */
export type SettingsMode = 'manual' | 'automatic';

/** A policy as `export` writes it and `apply` reads it. Two policies with the same meaning have the same form. */
export function policyForm(policy: Policy): Form {
  const local = policy.localRelease;
  return {
    name: policy.displayName,
    group: policy.groupPath || policy.groupId || 'root',
    automatic_isolation: policy.automaticIsolation,
    ...settingsForm(policy.settings, 'automatic'),
    trusted_detectors: policy.trustedDetectors,
    local_release: {
      // No settings at all mean the same as this one (contract: Policy.local_release).
      administrator_without_password: local?.administratorWithoutPassword ?? true,
      users: local?.users ?? [],
      // Shown to administrators only; what is not shown is not written, so that it is not taken away either.
      password_hash: local?.hasPassword && !local.passwordHash ? undefined : (local?.passwordHash ?? ''),
    },
    exclusions: policy.settings?.exclusions.map(exclusionForm) ?? [],
  };
}

/** A network-isolation task, likewise. */
export function taskForm(task: NetworkIsolationTask): Form {
  const target = task.scope?.target;
  const named = target?.$case === 'filter' ? undefined : target?.value;
  const scope = task.scopeName || named || 'root';
  return {
    ...(target?.$case === 'groupId' ? { group: scope } : { device: scope }),
    ...settingsForm(task.settings, 'manual'),
    exclusions: task.settings?.exclusions.map(exclusionForm) ?? [],
  };
}

function settingsForm(settings: IsolationSettings | undefined, mode: SettingsMode): Form {
  const delay = settings?.releaseDelay ? fromDuration(settings.releaseDelay) : RELEASE_DELAY.defaultMs;
  const release = settings?.onServerLoss === ServerLossAction.SERVER_LOSS_ACTION_RELEASE;
  const after = settings?.serverLossReleaseAfter && fromDuration(settings.serverLossReleaseAfter);
  return {
    release_delay: exactDuration(delay),
    on_server_loss: release ? 'release' : 'keep',
    server_loss_release_after: release && after ? exactDuration(after) : undefined,
    on_unconfirmed: unconfirmedWord(settings?.onUnconfirmed, mode),
    notification_text: settings?.notificationText ?? '',
  };
}

export function unconfirmedWord(
  action: UnconfirmedAction | undefined,
  mode: SettingsMode,
): 'keep' | 'roll_back' {
  switch (action) {
    case UnconfirmedAction.UNCONFIRMED_ACTION_KEEP:
      return 'keep';
    case UnconfirmedAction.UNCONFIRMED_ACTION_ROLL_BACK:
      return 'roll_back';
    default:
      return mode === 'manual' ? 'roll_back' : 'keep';
  }
}

/** One rule. What is left out means any, none or not disabled. */
function exclusionForm(exclusion: Exclusion): Form {
  const program = programWords(exclusion);
  const list = <Item>(items: readonly Item[]): readonly Item[] | undefined =>
    items.length > 0 ? items : undefined;
  return {
    name: exclusion.name,
    description: exclusion.description || undefined,
    disabled: exclusion.disabled || undefined,
    direction: directionWord(exclusion.direction),
    protocol: protocolWord(exclusion.protocol),
    local_ports: list(exclusion.localPorts.map(portValue)),
    remote_ports: list(exclusion.remotePorts.map(portValue)),
    local_addresses: list(exclusion.localAddresses),
    remote_addresses: list(exclusion.remoteAddresses),
    remote_host: exclusion.remoteHost || undefined,
    ...(program && { [program.kind]: program.value }),
    source: exclusion.source && {
      profile_id: exclusion.source.profileId,
      version: exclusion.source.version,
    },
  };
}

function portValue(range: Exclusion['localPorts'][number]): string | number {
  return range.first === range.last ? range.first : portWord(range);
}

/** A duration in milliseconds without loss, as `parseDuration` reads it: `8h`, `1h30m`, `0`. */
export function exactDuration(ms: number): string {
  let left = Math.round(ms);
  if (left === 0) return '0';
  const parts: string[] = [];
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ] as const) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join('');
}
