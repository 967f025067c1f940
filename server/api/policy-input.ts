import { validateDetectors, validateLocalRelease } from '../../shared/device-settings.js';
import { invalid } from '../../shared/errors.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { LocalReleaseSettings } from '../../shared/gen/cordon/v1/policy.js';
import type { PolicyContent } from '../desired/merge.js';
import { SETTINGS_PATHS, newSettings, updatedSettings } from './settings-input.js';
import type { Mask } from './update-mask.js';
import { requireDisplayName } from './validate.js';

/** Paths of an update mask that change a policy. */
export const POLICY_PATHS = [
  'display_name',
  'group_id',
  'automatic_isolation',
  'trusted_detectors',
  ...SETTINGS_PATHS,
  'local_release',
  'local_release.password_hash',
  'local_release.administrator_without_password',
  'local_release.users',
] as const;

type PolicyMask = Mask<(typeof POLICY_PATHS)[number]>;

/** @throws CordonError INVALID_FIELD */
export function requirePolicyName(name: string): void {
  requireDisplayName('policy.display_name', name);
}

/**
 * What is stored of a new policy.
 * @param exclusions those of the request, checked
 * @throws CordonError INVALID_FIELD
 */
export function newPolicyContent(asked: Policy, exclusions: Exclusion[]): PolicyContent {
  return checked({
    automaticIsolation: asked.automaticIsolation,
    settings: newSettings(asked.settings, exclusions, 'policy.settings'),
    trustedDetectors: asked.trustedDetectors,
    localRelease: asked.localRelease && { ...asked.localRelease, hasPassword: false },
  });
}

/**
 * What is stored of a policy after an update.
 * @param exclusions those of the request, checked; undefined: the mask does not name them
 * @throws CordonError INVALID_FIELD
 */
export function updatedPolicyContent(
  before: PolicyContent,
  asked: Policy,
  mask: PolicyMask,
  exclusions: Exclusion[] | undefined,
): PolicyContent {
  const settings = SETTINGS_PATHS.some((path) => mask.has(path))
    ? updatedSettings(before.settings, asked.settings, mask, exclusions, 'policy.settings')
    : before.settings;
  return checked({
    automaticIsolation: (mask.has('automatic_isolation') ? asked : before).automaticIsolation,
    settings,
    trustedDetectors: (mask.has('trusted_detectors') ? asked : before).trustedDetectors,
    localRelease: updatedLocalRelease(before.localRelease, asked.localRelease, mask),
  });
}

/**
 * The password is a secret that most readers of a policy do not see. Whoever writes back what they read must not remove
 * it by that: an empty hash counts only where the mask names it.
 */
function updatedLocalRelease(
  before: LocalReleaseSettings | undefined,
  asked: LocalReleaseSettings | undefined,
  mask: PolicyMask,
): LocalReleaseSettings | undefined {
  const whole = mask.has('local_release');
  if (whole && asked === undefined) return undefined;
  const hash = mask.has('local_release.password_hash');
  const administrator = mask.has('local_release.administrator_without_password');
  const users = mask.has('local_release.users');
  if (!whole && !hash && !administrator && !users) return before;
  const kept = before ?? LocalReleaseSettings.fromPartial({});
  const given = asked ?? LocalReleaseSettings.fromPartial({});
  const newHash = hash || (whole && given.passwordHash !== '');
  return {
    passwordHash: (newHash ? given : kept).passwordHash,
    administratorWithoutPassword: (whole || administrator ? given : kept).administratorWithoutPassword,
    users: (whole || users ? given : kept).users,
    hasPassword: false,
  };
}

function checked(content: PolicyContent): PolicyContent {
  const violations = [
    ...validateDetectors(content.trustedDetectors, 'policy.trusted_detectors'),
    ...(content.localRelease ? validateLocalRelease(content.localRelease, 'policy.local_release') : []),
  ];
  if (violations.length > 0) throw invalid(violations);
  return content;
}
