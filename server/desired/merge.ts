import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { defaultSettings, type DeviceSettings } from './settings.js';

/** What of a policy reaches a device. */
export type PolicyContent = Pick<
  Policy,
  'automaticIsolation' | 'settings' | 'trustedDetectors' | 'localRelease'
>;

/**
 * Settings of a device from what applies to it. Manual isolation has the task's settings and automatic isolation the
 * policy's: the two never mix (seed: exclusions of manual and automatic mode).
 * @param policy of the nearest group that has one; undefined: no automatic isolation
 * @param task the device's own, or of the nearest group that has one; undefined: the defaults
 */
export function mergeSettings(
  policy: PolicyContent | undefined,
  task: IsolationSettings | undefined,
): DeviceSettings {
  return {
    manualSettings: task ?? defaultSettings(),
    automaticSettings: policy?.automaticIsolation ? (policy.settings ?? defaultSettings()) : undefined,
    localRelease: policy?.localRelease,
    trustedDetectors: policy?.trustedDetectors ?? [],
  };
}
