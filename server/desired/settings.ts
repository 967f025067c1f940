import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { RELEASE_DELAY, toDuration } from '../../shared/time.js';

/** Settings of manual isolation for a device without a network-isolation task of its own (seed: 8 h, DNS and DHCP). */
export function defaultManualSettings(): IsolationSettings {
  return IsolationSettings.fromPartial({
    exclusions: defaultExclusions(),
    releaseDelay: toDuration(RELEASE_DELAY.defaultMs),
  });
}
