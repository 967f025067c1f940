import type { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Violation } from '../../shared/errors.js';
import { characters } from '../../shared/characters.js';
import { validateDetectors, validateLocalRelease } from '../../shared/device-settings.js';
import { contentHash } from '../../shared/desired-state.js';
import { IsolationAction, type IsolationDirective } from '../../shared/gen/cordon/v1/isolation.js';
import { isId } from '../../shared/ids.js';
import { validateDelay, validateSettings } from '../../shared/isolation-settings.js';

/** StateReport.violations takes no more. */
const MOST_VIOLATIONS = 100;

/**
 * Everything that is wrong with a desired state; empty: it may be enforced. Nothing is changed before this is empty.
 * @param appliedGeneration generation that the device has applied; 0: none
 */
export function validateDesiredState(desired: DesiredState, appliedGeneration: bigint): Violation[] {
  const found: Violation[] = [];
  if (desired.generation < 1n) found.push({ field: 'generation', description: 'must be 1 or more' });
  if (desired.generation < appliedGeneration) {
    found.push({
      field: 'generation',
      description: `is ${desired.generation}, lower than ${appliedGeneration}, which this device has applied`,
    });
  }
  if (!contentHash(desired).equals(desired.contentHash)) {
    found.push({ field: 'content_hash', description: 'does not fit the content' });
  }
  if (desired.directive) found.push(...validateDirective(desired.directive));
  if (desired.manualSettings) found.push(...validateSettings(desired.manualSettings, 'manual_settings'));
  else found.push({ field: 'manual_settings', description: 'is required' });
  if (desired.automaticSettings)
    found.push(...validateSettings(desired.automaticSettings, 'automatic_settings'));
  if (desired.localRelease) found.push(...validateLocalRelease(desired.localRelease, 'local_release'));
  found.push(...validateDetectors(desired.trustedDetectors, 'trusted_detectors'));
  return found.slice(0, MOST_VIOLATIONS);
}

function validateDirective(directive: IsolationDirective): Violation[] {
  const found: Violation[] = [];
  if (!isId(directive.id)) found.push({ field: 'directive.id', description: 'must be a UUID in lower case' });
  const { action, reason } = directive;
  if (
    action !== IsolationAction.ISOLATION_ACTION_ISOLATE &&
    action !== IsolationAction.ISOLATION_ACTION_RELEASE
  ) {
    found.push({ field: 'directive.action', description: 'is not an action that this version knows' });
  }
  if (reason === '' || characters(reason) > 1000) {
    found.push({ field: 'directive.reason', description: 'must have 1 to 1000 characters' });
  }
  return [...found, ...validateDelay(directive.releaseDelay, 'directive.release_delay')];
}
