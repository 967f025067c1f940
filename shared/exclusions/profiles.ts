import { Exclusion, type ExclusionProfile } from '../gen/cordon/v1/exclusion.js';
import type { PortRange } from '../gen/cordon/v1/network.js';
import { PROFILE_DATA } from './profiles/all.js';
import type { PortData, ProfileData, RuleData, VersionData } from './profiles/profile-data.js';

/** Every version of every standard profile; the versions of one profile oldest first. */
export function profileVersions(): ExclusionProfile[] {
  return PROFILE_DATA.flatMap((profile) =>
    profile.versions.map((version, index) => toProfile(profile, version, index + 1)),
  );
}

/** Every standard profile in its newest version. */
export function standardProfiles(): ExclusionProfile[] {
  return newestProfiles(profileVersions());
}

/** What a new task or policy excludes (seed: DNS and DHCP, client and server). */
export function defaultExclusions(): Exclusion[] {
  return standardProfiles()
    .filter((profile) => profile.isDefault)
    .flatMap((profile) => profile.exclusions);
}

/** The newest version of each profile, in the order in which the profiles appear. */
export function newestProfiles(versions: readonly ExclusionProfile[]): ExclusionProfile[] {
  const newest = new Map<string, ExclusionProfile>();
  for (const profile of versions) {
    const known = newest.get(profile.id);
    if (!known || known.version < profile.version) newest.set(profile.id, profile);
  }
  return [...newest.values()];
}

function toProfile(profile: ProfileData, { change, rules }: VersionData, version: number): ExclusionProfile {
  const { id, displayName, description, isDefault } = profile;
  const references = [...new Set(rules.map((rule) => rule.source))];
  const exclusions = rules.map((rule) => toExclusion(rule, id, version));
  return { id, displayName, description, isDefault, version, change, references, exclusions };
}

function toExclusion(rule: RuleData, profileId: string, version: number): Exclusion {
  const { windowsService } = rule;
  return Exclusion.fromPartial({
    name: rule.name,
    description: rule.description ?? '',
    direction: rule.direction,
    protocol: rule.protocol,
    localPorts: (rule.local ?? []).map(toPortRange),
    remotePorts: (rule.remote ?? []).map(toPortRange),
    remoteAddresses: [...(rule.remoteAddresses ?? [])],
    application: windowsService ? { target: { $case: 'windowsService', value: windowsService } } : undefined,
    source: { profileId, version },
  });
}

function toPortRange(port: PortData): PortRange {
  const [first, last] = typeof port === 'number' ? [port, port] : port;
  return { first, last };
}
