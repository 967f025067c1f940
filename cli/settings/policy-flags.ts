import type { Command } from 'commander';
import { LocalReleaseSettings, type Policy } from '../../shared/gen/cordon/v1/policy.js';
import {
  addAllowUnresolved,
  addSettingsFlags,
  applySettingsFlags,
  onOff,
  type OnOff,
  type SettingsFlags,
  type WriteFlags,
} from './flags.js';
import { defaultSettings } from './tasks.js';

/** Flags of a policy. */
export interface PolicyFlags extends SettingsFlags, WriteFlags {
  readonly group?: string;
  readonly rename?: string;
  readonly automaticIsolation?: OnOff;
  readonly trustedDetector?: string[];
  readonly administratorWithoutPassword?: OnOff;
  readonly releaseUser?: string[];
}

/** `--automatic-isolation` and the others. */
export function addPolicyFlags(command: Command): Command {
  const collect = (one: string, before: string[] = []): string[] => [...before, one];
  return addAllowUnresolved(
    addSettingsFlags(
      command.addOption(onOff('--automatic-isolation <on|off>', 'whether a detection may isolate by itself')),
    )
      .option(
        '--trusted-detector <name>',
        'a detector beside ioc-scan whose reports count; repeat for several, "none" for none',
        collect,
      )
      .addOption(
        onOff(
          '--administrator-without-password <on|off>',
          'whether a local administrator may release without a password',
        ),
      )
      .option(
        '--release-user <account>',
        'an account of the device that may release with its own password; repeat for several, "none" for none',
        collect,
      ),
  ).option('--dry-run', 'ask the server and change nothing');
}

/** A policy with the flags in it, and the fields that they change. */
export function applyPolicyFlags(
  policy: Policy,
  flags: PolicyFlags,
): { readonly policy: Policy; readonly mask: string[] } {
  const { settings, mask } = applySettingsFlags(policy.settings ?? defaultSettings(), flags);
  const after: Policy = { ...policy, settings };
  const local = { ...(policy.localRelease ?? LocalReleaseSettings.fromPartial({})) };
  const localMask: string[] = [];
  if (flags.group !== undefined) {
    after.groupId = flags.group;
    mask.push('group_id');
  }
  if (flags.rename !== undefined) {
    after.displayName = flags.rename;
    mask.push('display_name');
  }
  if (flags.automaticIsolation !== undefined) {
    after.automaticIsolation = flags.automaticIsolation === 'on';
    mask.push('automatic_isolation');
  }
  if (flags.trustedDetector !== undefined) {
    after.trustedDetectors = listFlag(flags.trustedDetector);
    mask.push('trusted_detectors');
  }
  if (flags.administratorWithoutPassword !== undefined) {
    local.administratorWithoutPassword = flags.administratorWithoutPassword === 'on';
    localMask.push('local_release.administrator_without_password');
  }
  if (flags.releaseUser !== undefined) {
    local.users = listFlag(flags.releaseUser);
    localMask.push('local_release.users');
  }
  if (localMask.length > 0) {
    after.localRelease = local;
    mask.push(...(policy.localRelease ? localMask : ['local_release']));
  }
  return { policy: after, mask };
}

function listFlag(names: readonly string[]): string[] {
  return names.length === 1 && names[0] === 'none' ? [] : [...names];
}
