import { InvalidArgumentError, Option, type Command } from 'commander';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { ServerLossAction, UnconfirmedAction } from '../../shared/gen/cordon/v1/isolation.js';
import { characters } from '../../shared/characters.js';
import { toDuration } from '../../shared/time.js';
import { parseDurationWithin, parseReleaseDelay } from '../arguments.js';
import { CliError, ExitCode } from '../exit.js';

/** Flags of the settings of one mode. */
export interface SettingsFlags {
  /** Milliseconds. */
  readonly releaseDelay?: number;
  readonly onServerLoss?: 'keep' | 'release';
  /** Milliseconds. */
  readonly serverLossReleaseAfter?: number;
  readonly onUnconfirmed?: 'keep' | 'roll-back';
  readonly notificationText?: string;
}

export interface WriteFlags {
  readonly allowUnresolvedHosts?: boolean;
  readonly dryRun?: boolean;
}

/** What a switch can be set to. */
export type OnOff = 'on' | 'off';
export const onOff = (flags: string, description: string): Option =>
  new Option(flags, description).choices(['on', 'off']);

const MINUTE_MS = 60_000;
const LONGEST_MS = 9999 * 3_600_000;

/** `--release-delay` and the others. */
export function addSettingsFlags(command: Command): Command {
  return command
    .option(
      '--release-delay <duration>',
      'an isolation ends by itself after this time; 0 = never',
      parseReleaseDelay,
    )
    .addOption(
      new Option('--on-server-loss <action>', 'what an isolated device does without its server').choices([
        'keep',
        'release',
      ]),
    )
    .option(
      '--server-loss-release-after <duration>',
      'how long without the server before it releases; sets --on-server-loss release',
      parseDurationWithin(MINUTE_MS, LONGEST_MS, 'From 1m to 9999h.'),
    )
    .addOption(
      new Option(
        '--on-unconfirmed <action>',
        'what it does when the server does not confirm a new isolation within 60s',
      ).choices(['keep', 'roll-back']),
    )
    .option('--notification-text <text>', 'what logged-in users are told; empty = standard text', parseText);
}

/** `--allow-unresolved-hosts`. */
export function addAllowUnresolved(command: Command): Command {
  return command.option(
    '--allow-unresolved-hosts',
    'take host names in exclusions that the server cannot resolve now',
  );
}

function parseText(text: string): string {
  if (characters(text) > 2000) throw new InvalidArgumentError('At most 2000 characters.');
  return text;
}

/** Settings with the flags in them, and the fields that the flags change, as an update mask names them. */
export function applySettingsFlags(
  settings: IsolationSettings,
  flags: SettingsFlags,
): { readonly settings: IsolationSettings; readonly mask: string[] } {
  const mask: string[] = [];
  const after = { ...settings };
  if (flags.releaseDelay !== undefined) {
    after.releaseDelay = toDuration(flags.releaseDelay);
    mask.push('settings.release_delay');
  }
  if (flags.onServerLoss === 'keep' && flags.serverLossReleaseAfter !== undefined) {
    throw new CliError(
      ExitCode.USAGE,
      '--server-loss-release-after has no meaning with --on-server-loss keep',
      'leave one of them out',
    );
  }
  if (flags.onServerLoss === 'keep') {
    after.onServerLoss = ServerLossAction.SERVER_LOSS_ACTION_KEEP;
    mask.push('settings.on_server_loss');
  }
  if (flags.onServerLoss === 'release' || flags.serverLossReleaseAfter !== undefined) {
    after.onServerLoss = ServerLossAction.SERVER_LOSS_ACTION_RELEASE;
    mask.push('settings.on_server_loss');
    if (flags.serverLossReleaseAfter === undefined && after.serverLossReleaseAfter === undefined) {
      throw new CliError(
        ExitCode.USAGE,
        '--on-server-loss release needs to know after how long',
        'add --server-loss-release-after, for example 24h',
      );
    }
  }
  if (flags.serverLossReleaseAfter !== undefined) {
    after.serverLossReleaseAfter = toDuration(flags.serverLossReleaseAfter);
    mask.push('settings.server_loss_release_after');
  }
  if (flags.onUnconfirmed !== undefined) {
    after.onUnconfirmed =
      flags.onUnconfirmed === 'keep'
        ? UnconfirmedAction.UNCONFIRMED_ACTION_KEEP
        : UnconfirmedAction.UNCONFIRMED_ACTION_ROLL_BACK;
    mask.push('settings.on_unconfirmed');
  }
  if (flags.notificationText !== undefined) {
    after.notificationText = flags.notificationText;
    mask.push('settings.notification_text');
  }
  return { settings: after, mask };
}

/** @throws CliError that names the flags: a call without any of them is a slip */
export function requireChange(mask: readonly string[], example: string): void {
  if (mask.length > 0) return;
  throw new CliError(ExitCode.USAGE, 'nothing to set was given', `add a flag, for example ${example}`);
}
