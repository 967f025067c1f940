import { printable } from '../../shared/command-line/printable.js';
import {
  ExclusionHintKind,
  exclusionHintKindToJSON,
  type Exclusion,
  type ExclusionHint,
  type ProfileUpdate,
} from '../../shared/gen/cordon/v1/exclusion.js';
import { ServerLossAction, type IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import type { LocalReleaseSettings, Policy } from '../../shared/gen/cordon/v1/policy.js';
import type { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import { fromDuration, RELEASE_DELAY } from '../../shared/time.js';
import { exactDuration, unconfirmedWord, type SettingsMode } from '../document/form.js';
import { directionWord, portWord, programWords, protocolWord } from '../exclusions/words.js';
import { word } from './device-rows.js';
import type { View } from './printer.js';
import { cell, type Cell } from './table.js';

type Field = readonly [string, Cell];

/** A policy with everything in it. */
export function policyView(policy: Policy): View {
  return sections(
    [
      ['Policy', cell(policy.displayName)],
      ['Id', cell(policy.id)],
      ['Group', cell(policy.groupPath || 'root')],
      [
        'Automatic isolation',
        policy.automaticIsolation ? cell('on', 'good') : cell('off: detections isolate nothing', 'waiting'),
      ],
      ...settingsFields(policy.settings, 'automatic'),
      ['Trusted detectors', cell(['ioc-scan', ...policy.trustedDetectors].join(', '))],
      ['Release at the device', cell(localReleaseText(policy.localRelease))],
    ],
    policy.settings,
    policy.profileUpdates,
    `"cordon exclusion update-profile ID --policy NAME"`,
  );
}

/** A network-isolation task with everything in it. */
export function taskView(task: NetworkIsolationTask): View {
  const kind = task.scope?.target?.$case === 'groupId' ? 'group' : 'device';
  return sections(
    [
      ['Task of', cell(`${kind} ${task.scopeName || 'root'}`)],
      ['Id', cell(task.id)],
      ...settingsFields(task.settings, 'manual'),
    ],
    task.settings,
    task.profileUpdates,
    `"cordon exclusion update-profile ID --task-${kind} NAME"`,
  );
}

/** Settings of one mode, wherever they come from. */
export function settingsView(settings: IsolationSettings | undefined, mode: SettingsMode): View {
  return sections(settingsFields(settings, mode), settings, [], '');
}

function sections(
  fields: readonly Field[],
  settings: IsolationSettings | undefined,
  updates: readonly ProfileUpdate[],
  command: string,
): View {
  const parts: View[] = [{ kind: 'fields', fields }, exclusionsView(settings?.exclusions ?? [])];
  if (updates.length > 0) {
    const lines = updates.map((update) => `${updateText(update)}\n`).join('');
    parts.push({ kind: 'text', text: `Newer profiles, taken over by ${command}:\n${lines}` });
  }
  return { kind: 'sections', sections: parts };
}

function settingsFields(settings: IsolationSettings | undefined, mode: SettingsMode): Field[] {
  const after = settings?.serverLossReleaseAfter;
  const release = settings?.onServerLoss === ServerLossAction.SERVER_LOSS_ACTION_RELEASE;
  return [
    ['Release delay', cell(delayText(settings))],
    [
      'When the server is lost',
      cell(
        release ? `release${after ? ` after ${exactDuration(fromDuration(after))}` : ''}` : 'keep isolated',
      ),
    ],
    [
      'When not confirmed',
      cell(unconfirmedWord(settings?.onUnconfirmed, mode) === 'keep' ? 'keep isolated' : 'roll back'),
    ],
    [
      'Notification',
      settings?.notificationText ? cell(settings.notificationText) : cell('standard text', 'faint'),
    ],
  ];
}

/** Release delay of settings: `8h`, or `none: until released`. */
export function delayText(settings: IsolationSettings | undefined): string {
  const ms = settings?.releaseDelay ? fromDuration(settings.releaseDelay) : RELEASE_DELAY.defaultMs;
  return ms === 0 ? 'none: until released' : exactDuration(ms);
}

function localReleaseText(local: LocalReleaseSettings | undefined): string {
  if (!local) return 'a local administrator, without a password';
  const ways = [
    local.administratorWithoutPassword && 'a local administrator, without a password',
    local.hasPassword && 'with the password of the policy',
    local.users.length > 0 && `${local.users.join(', ')}, with the password they log in with`,
  ].filter((way) => typeof way === 'string');
  return ways.length > 0 ? ways.join('; ') : 'nobody: by an operator or the release delay alone';
}

/** A list of exclusions as a table. */
export function exclusionsView(exclusions: readonly Exclusion[]): View {
  return {
    kind: 'table',
    headings: ['EXCLUSION', 'STATE', 'DIRECTION', 'PROTOCOL', 'LOCAL', 'REMOTE', 'PROGRAM', 'FROM'],
    rows: exclusions.map(exclusionRow),
    empty: 'no exclusions: nothing passes but the connection to the server',
  };
}

function exclusionRow(exclusion: Exclusion): Cell[] {
  const program = programWords(exclusion);
  const { source } = exclusion;
  return [
    cell(exclusion.name),
    exclusion.disabled ? cell('disabled', 'waiting') : cell('in force', 'good'),
    cell(directionWord(exclusion.direction)),
    cell(protocolWord(exclusion.protocol)),
    cell(endText(exclusion.localAddresses, exclusion.localPorts)),
    cell(
      endText(
        exclusion.remoteHost ? [exclusion.remoteHost] : exclusion.remoteAddresses,
        exclusion.remotePorts,
      ),
    ),
    cell(program ? `${program.kind.replace('_', ' ')} ${program.value}` : 'any'),
    source ? cell(`${source.profileId} v${source.version}`, 'faint') : cell('custom', 'faint'),
  ];
}

/** More entries than this make a table unreadable; `-o json` has them all. */
const MOST_ENTRIES = 4;

function endText(addresses: readonly string[], ports: Exclusion['localPorts']): string {
  const few = (items: readonly string[]): string =>
    items.length > MOST_ENTRIES
      ? `${items.slice(0, MOST_ENTRIES).join(',')} and ${items.length - MOST_ENTRIES} more`
      : items.join(',');
  const parts = [
    addresses.length > 0 && few(addresses),
    ports.length > 0 && `port ${few(ports.map(portWord))}`,
  ].filter((part) => typeof part === 'string');
  return parts.length > 0 ? parts.join(' ') : 'any';
}

/**
 * `hint: "a" is redundant ("b"): detail`, one line each.
 * @param names of the exclusions that somebody is looking at; hints about others are counted. Undefined: all
 */
export function hintLines(hints: readonly ExclusionHint[], names?: ReadonlySet<string>): string[] {
  const meant = hints.filter(({ name, other }) => !names || names.has(name) || names.has(other));
  const lines = meant.map(({ kind, name, other, detail }) => {
    const what = HINT_WORDS[kind] ?? word(exclusionHintKindToJSON(kind), 'EXCLUSION_HINT_KIND_');
    return printable(`hint: "${name}" ${what}${other ? ` ("${other}")` : ''}: ${detail}`);
  });
  const left = hints.length - meant.length;
  return left > 0 ? [...lines, `(${left} more hints about other exclusions; -o json has them)`] : lines;
}

const HINT_WORDS: Readonly<Partial<Record<ExclusionHintKind, string>>> = {
  [ExclusionHintKind.EXCLUSION_HINT_KIND_REDUNDANT]: 'is redundant',
  [ExclusionHintKind.EXCLUSION_HINT_KIND_OVERLAPPING]: 'overlaps',
  [ExclusionHintKind.EXCLUSION_HINT_KIND_MATCHES_NOTHING]: 'matches nothing',
  [ExclusionHintKind.EXCLUSION_HINT_KIND_WIDE]: 'is wide',
};

export function updateText({ profileId, fromVersion, toVersion, change }: ProfileUpdate): string {
  return printable(`  ${profileId}: version ${fromVersion} → ${toVersion}. ${change}`);
}
