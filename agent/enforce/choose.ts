import { EnforcerKind } from '../../shared/gen/cordon/v1/isolation.js';
import { EnforceError, type Enforcer } from './enforcer.js';
import { NftablesEnforcer } from './nftables/nftables-enforcer.js';
import { RecordingEnforcer } from './recording.js';
import { WfpEnforcer } from './wfp/wfp-enforcer.js';
import { windowsParts } from './wfp/windows-parts.js';

/** Names of enforcers in the agent's configuration. `auto`: the packet filter of this operating system. */
export const ENFORCER_NAMES = ['auto', 'wfp', 'nftables', 'recording'] as const;
export type EnforcerName = (typeof ENFORCER_NAMES)[number];

/**
 * The enforcer that the configuration asks for. It has not been probed yet, and has loaded nothing of Windows.
 * @throws EnforceError where this operating system has none; `recording` is never chosen by itself
 */
export function chooseEnforcer(name: EnforcerName, platform: NodeJS.Platform = process.platform): Enforcer {
  const kind = enforcerKind(name, platform);
  switch (kind) {
    case EnforcerKind.ENFORCER_KIND_RECORDING:
      return new RecordingEnforcer();
    case EnforcerKind.ENFORCER_KIND_NFTABLES:
      return new NftablesEnforcer();
    case EnforcerKind.ENFORCER_KIND_WFP:
      return new WfpEnforcer(windowsParts);
    default:
      throw new EnforceError(
        `there is no packet filter for ${platform} in this version; see docs/known-limits.md`,
      );
  }
}

/** What `chooseEnforcer` makes of a name; unspecified where this operating system has no packet filter that we know. */
export function enforcerKind(name: EnforcerName, platform: NodeJS.Platform = process.platform): EnforcerKind {
  switch (name) {
    case 'recording':
      return EnforcerKind.ENFORCER_KIND_RECORDING;
    case 'nftables':
      return EnforcerKind.ENFORCER_KIND_NFTABLES;
    case 'wfp':
      return EnforcerKind.ENFORCER_KIND_WFP;
    case 'auto':
      if (platform === 'linux') return EnforcerKind.ENFORCER_KIND_NFTABLES;
      if (platform === 'win32') return EnforcerKind.ENFORCER_KIND_WFP;
      return EnforcerKind.ENFORCER_KIND_UNSPECIFIED;
  }
}
