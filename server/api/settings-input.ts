import { invalid } from '../../shared/errors.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { validateAround } from '../../shared/isolation-settings.js';
import { RELEASE_DELAY, toDuration } from '../../shared/time.js';
import { defaultSettings } from '../desired/settings.js';
import type { Mask } from './update-mask.js';

/** Paths of an update mask that change settings. `settings` replaces all of them. */
export const SETTINGS_PATHS = [
  'settings',
  'settings.exclusions',
  'settings.release_delay',
  'settings.notification_text',
  'settings.on_server_loss',
  'settings.server_loss_release_after',
  'settings.on_unconfirmed',
] as const;

export type SettingsPath = (typeof SETTINGS_PATHS)[number];

/**
 * Settings as they are stored, from what a request asks for.
 * @param asked absent: the defaults
 * @param exclusions those of the request, checked
 * @param path field path of the settings, for example `policy.settings`
 * @throws CordonError INVALID_FIELD
 */
export function newSettings(
  asked: IsolationSettings | undefined,
  exclusions: Exclusion[],
  path: string,
): IsolationSettings {
  return checked({ ...(asked ?? defaultSettings()), exclusions }, path);
}

/**
 * Settings after an update: `before` with the fields of `asked` that the mask names.
 * @param exclusions those of the request, checked; undefined: the mask does not name them
 * @throws CordonError INVALID_FIELD, also where the fields do not fit those that stay
 */
export function updatedSettings(
  before: IsolationSettings,
  asked: IsolationSettings | undefined,
  mask: Mask<string>,
  exclusions: Exclusion[] | undefined,
  path: string,
): IsolationSettings {
  const from = asked ?? defaultSettings();
  const named = (field: SettingsPath): IsolationSettings =>
    mask.has('settings') || mask.has(field) ? from : before;
  return checked(
    {
      exclusions: exclusions ?? before.exclusions,
      releaseDelay: named('settings.release_delay').releaseDelay,
      notificationText: named('settings.notification_text').notificationText,
      onServerLoss: named('settings.on_server_loss').onServerLoss,
      serverLossReleaseAfter: named('settings.server_loss_release_after').serverLossReleaseAfter,
      onUnconfirmed: named('settings.on_unconfirmed').onUnconfirmed,
    },
    path,
  );
}

/** Whether an update brings exclusions of its own. */
export function bringsExclusions(mask: Mask<string>): boolean {
  return mask.has('settings') || mask.has('settings.exclusions');
}

function checked(settings: IsolationSettings, path: string): IsolationSettings {
  const violations = validateAround(settings, path);
  if (violations.length > 0) throw invalid(violations);
  return { ...settings, releaseDelay: settings.releaseDelay ?? toDuration(RELEASE_DELAY.defaultMs) };
}
