import { EnforceError, type Enforcer } from './enforcer.js';
import { NftablesEnforcer } from './nftables/nftables-enforcer.js';
import { RecordingEnforcer } from './recording.js';

/** Names of enforcers in the agent's configuration. `auto`: the packet filter of this operating system. */
export const ENFORCER_NAMES = ['auto', 'nftables', 'recording'] as const;
export type EnforcerName = (typeof ENFORCER_NAMES)[number];

/**
 * The enforcer that the configuration asks for. It has not been probed yet.
 * @throws EnforceError where this operating system has none; `recording` is never chosen by itself
 */
export function chooseEnforcer(name: EnforcerName, platform: NodeJS.Platform = process.platform): Enforcer {
  switch (name) {
    case 'recording':
      return new RecordingEnforcer();
    case 'nftables':
      return new NftablesEnforcer();
    case 'auto':
      if (platform === 'linux') return new NftablesEnforcer();
      throw new EnforceError(
        `there is no packet filter for ${platform} in this version; see docs/known-limits.md`,
      );
  }
}
