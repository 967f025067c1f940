import { characters } from './characters.js';
import type { Violation } from './errors.js';
import { validateExclusions } from './exclusions/validate.js';
import { IsolationSettings, ServerLossAction, UnconfirmedAction } from './gen/cordon/v1/isolation.js';
import type { Duration } from './gen/google/protobuf/duration.js';
import { fromDuration, isReleaseDelay } from './time.js';

/** A message of the stream takes 4 MiB and can carry the settings of both modes. */
const MOST_BYTES = 1.5 * 1024 * 1024;
const DELAY_RULE = 'must be 0 (never) or 1 minute to 9999 hours';

/**
 * Every rule that the settings of a mode break; empty if they are in order. Both planes call it: the server before it
 * stores, the agent before it enforces.
 * @param path field path of the settings, for example `manual_settings`
 */
export function validateSettings(settings: IsolationSettings, path: string): Violation[] {
  return [
    ...validateExclusions(settings.exclusions, `${path}.exclusions`),
    ...validateAround(settings, path),
  ];
}

/** The same for settings whose exclusions have been validated. */
export function validateAround(settings: IsolationSettings, path: string): Violation[] {
  const found: Violation[] = [];
  const bytes = IsolationSettings.encode(settings).finish().length;
  if (bytes > MOST_BYTES) {
    found.push({
      field: `${path}.exclusions`,
      description: `makes the settings ${bytes} bytes large; at most ${MOST_BYTES} bytes (1.5 MiB)`,
    });
  }
  found.push(...validateDelay(settings.releaseDelay, `${path}.release_delay`));
  if (characters(settings.notificationText) > 2000) {
    found.push({ field: `${path}.notification_text`, description: 'must have at most 2000 characters' });
  }
  if (
    settings.onServerLoss === ServerLossAction.UNRECOGNIZED ||
    !(settings.onServerLoss in ServerLossAction)
  ) {
    found.push({ field: `${path}.on_server_loss`, description: 'is not an action that this version knows' });
  }
  if (
    settings.onUnconfirmed === UnconfirmedAction.UNRECOGNIZED ||
    !(settings.onUnconfirmed in UnconfirmedAction)
  ) {
    found.push({ field: `${path}.on_unconfirmed`, description: 'is not an action that this version knows' });
  }
  if (settings.onServerLoss === ServerLossAction.SERVER_LOSS_ACTION_RELEASE) {
    const after = settings.serverLossReleaseAfter && fromDuration(settings.serverLossReleaseAfter);
    if (!after || !isReleaseDelay(after)) {
      found.push({
        field: `${path}.server_loss_release_after`,
        description: 'must be 1 minute to 9999 hours when on_server_loss is release',
      });
    }
  }
  return found;
}

/** The rule that a release delay breaks, if it breaks one; absent is in order. */
export function validateDelay(delay: Duration | undefined, field: string): Violation[] {
  if (delay === undefined || isReleaseDelay(fromDuration(delay))) return [];
  return [{ field, description: DELAY_RULE }];
}
