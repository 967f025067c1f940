import { ExclusionDirection } from '../../gen/cordon/v1/exclusion.js';

export const TCP = 6;
export const UDP = 17;
export const { EXCLUSION_DIRECTION_INBOUND: IN, EXCLUSION_DIRECTION_OUTBOUND: OUT } = ExclusionDirection;

/** A port, or the first and last of a range. */
export type PortData = number | readonly [first: number, last: number];

/** One rule of a standard profile. */
export interface RuleData {
  /**
   * Unique among the rules of all profiles, so that a list may hold them all. A rule keeps its name from version to
   * version: the name says which rule a newer one succeeds.
   */
  readonly name: string;
  /** Default empty. */
  readonly description?: string;
  readonly direction: ExclusionDirection;
  readonly protocol: typeof TCP | typeof UDP;
  /** Default: any. */
  readonly local?: readonly PortData[];
  /** Default: any. */
  readonly remote?: readonly PortData[];
  /** Default: any. */
  readonly remoteAddresses?: readonly string[];
  /** Only for this Windows service; platforms without it report the rule as unsupported. Default: any program. */
  readonly windowsService?: string;
  /** The RFC or product page that its ports come from. */
  readonly source: string;
}

export interface VersionData {
  /** What it changes against the version before, in one sentence; empty for the first. */
  readonly change: string;
  readonly rules: readonly RuleData[];
}

/** A standard profile with every version that was ever released, oldest first: older copies must stay recognisable. */
export interface ProfileData {
  readonly id: string;
  readonly displayName: string;
  /** What the profile is for, in one sentence. */
  readonly description: string;
  readonly isDefault: boolean;
  /** Version n stands at index n - 1. A released version never changes: add one. */
  readonly versions: readonly VersionData[];
}

/** The versions of a profile that has had one. */
export function firstVersion(rules: readonly RuleData[]): readonly VersionData[] {
  return [{ change: '', rules }];
}
