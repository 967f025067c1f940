import { Exclusion, type ExclusionProfile, type ProfileUpdate } from '../gen/cordon/v1/exclusion.js';
import { newestProfiles, profileVersions } from './profiles.js';

/*
 * Rules copied from standard profiles, in a list of exclusions. `profiles` is every version of every profile, the
 * versions in any order; all functions leave their arguments alone.
 *
 * What makes a copy custom is an edit of what it matches. Its name, its description and whether it is disabled belong to
 * the list: they may differ from the profile's, and an update keeps them.
 */

/** Outcome of "add from profile". */
export interface ProfileAdded {
  readonly exclusions: Exclusion[];
  /** Rules that were appended, by the names that they got. */
  readonly added: readonly string[];
  /** Rules of the list that are copies of this profile's rules already, disabled ones too, by their names there. */
  readonly alreadyThere: readonly string[];
}

/** Copies of a profile's rules that remember where they come from. */
export function fromProfile(profile: ExclusionProfile): Exclusion[] {
  const source = { profileId: profile.id, version: profile.version };
  return profile.exclusions.map((rule) => Exclusion.fromPartial({ ...rule, source }));
}

/**
 * The list with every false source cleared: a rule that is no rule of the version that it names, because somebody edited
 * it or because there is no such version, is custom (seed: profiles). The caller's word for a source is never taken.
 */
export function withTrueSources(
  exclusions: readonly Exclusion[],
  profiles: readonly ExclusionProfile[] = profileVersions(),
): Exclusion[] {
  const origins = new Origins(profiles);
  return exclusions.map((exclusion) =>
    exclusion.source && !origins.of(exclusion) ? { ...exclusion, source: undefined } : exclusion,
  );
}

/** The profiles of which the list holds copies older than the newest version, in the order of `profiles`. */
export function profileUpdates(
  exclusions: readonly Exclusion[],
  profiles: readonly ExclusionProfile[] = profileVersions(),
): ProfileUpdate[] {
  const origins = new Origins(profiles);
  const oldest = new Map<string, number>();
  for (const exclusion of exclusions) {
    const profile = origins.of(exclusion)?.profile;
    if (profile) oldest.set(profile.id, Math.min(profile.version, oldest.get(profile.id) ?? profile.version));
  }
  return newestProfiles(profiles).flatMap(({ id, version, change }) => {
    const fromVersion = oldest.get(id) ?? version;
    return fromVersion < version ? [{ profileId: id, fromVersion, toVersion: version, change }] : [];
  });
}

/**
 * The list with the copies of one profile brought to its newest version. Each copy stays where it is and keeps what
 * belongs to the list; it goes if the newest version has no such rule. Rules that are new in the newest version follow the
 * last copy, disabled if every copy is. A rule that a person took out or edited does not come back: an update must not
 * allow what they forbade.
 * Unchanged where the list holds no copy of the profile.
 */
export function withProfileUpdated(
  exclusions: readonly Exclusion[],
  profileId: string,
  profiles: readonly ExclusionProfile[] = profileVersions(),
): Exclusion[] {
  const newest = newestProfiles(profiles).find(({ id }) => id === profileId);
  if (!newest) return [...exclusions];
  const origins = new Origins(profiles);
  const originOf = (exclusion: Exclusion): Origin | undefined => {
    const origin = origins.of(exclusion);
    return origin?.profile.id === profileId ? origin : undefined;
  };
  const copied = exclusions.map(originOf);
  const lastCopy = copied.findLastIndex((origin) => origin !== undefined);
  if (lastCopy < 0) return [...exclusions];

  const seen = new Set(copied.flatMap((origin) => origin?.profile.exclusions.map(({ name }) => name) ?? []));
  const successors = new Map(fromProfile(newest).map((rule) => [rule.name, rule]));
  const replaced = exclusions.map((exclusion, index) => {
    const origin = copied[index];
    if (!origin) return [exclusion];
    const successor = successors.get(origin.rule.name);
    return successor ? [withOwnTexts(successor, exclusion, origin.rule)] : [];
  });
  const names = new Set(replaced.flat().map(({ name }) => name));
  const allDisabled = exclusions.every(({ disabled }, index) => disabled || !copied[index]);
  const news = [...successors.values()].filter(({ name }) => !seen.has(name));
  const fresh = withFreeNames(news, names).map((rule) => ({ ...rule, disabled: allDisabled }));
  return replaced.flatMap((entries, index) => (index === lastCopy ? [...entries, ...fresh] : entries));
}

/**
 * The list with those rules of a profile appended of which it holds no copy, of any version. A name that is taken, by an
 * edited copy for instance, gets a number.
 */
export function withProfileAdded(
  exclusions: readonly Exclusion[],
  profile: ExclusionProfile,
  profiles: readonly ExclusionProfile[] = profileVersions(),
): ProfileAdded {
  const origins = new Origins([...profiles, profile]);
  const present = new Set<string>();
  const alreadyThere = exclusions.filter((exclusion) => {
    const origin = origins.of(exclusion);
    if (origin?.profile.id !== profile.id) return false;
    present.add(origin.rule.name);
    return profile.exclusions.some(({ name }) => name === origin.rule.name);
  });
  const wanted = fromProfile(profile).filter(({ name }) => !present.has(name));
  const added = withFreeNames(wanted, new Set(exclusions.map(({ name }) => name)));
  return {
    exclusions: [...exclusions, ...added],
    added: added.map(({ name }) => name),
    alreadyThere: alreadyThere.map(({ name }) => name),
  };
}

/** The rule of a profile that an exclusion is a copy of. */
interface Origin {
  readonly profile: ExclusionProfile;
  readonly rule: Exclusion;
}

/** Finds origins; quick, because a list may have 10,000 exclusions. */
class Origins {
  /** The rules of each version by what they match. */
  private readonly versions = new Map<string, ReadonlyMap<string, readonly Origin[]>>();

  constructor(profiles: readonly ExclusionProfile[]) {
    for (const profile of profiles) {
      const rules = new Map<string, Origin[]>();
      for (const rule of profile.exclusions) {
        const part = matchingPart(rule);
        rules.set(part, [...(rules.get(part) ?? []), { profile, rule }]);
      }
      this.versions.set(versionKey(profile.id, profile.version), rules);
    }
  }

  /** Undefined for a custom rule, and for one whose source is not true. */
  of(exclusion: Exclusion): Origin | undefined {
    const { source } = exclusion;
    const rules = source && this.versions.get(versionKey(source.profileId, source.version));
    const same = rules?.get(matchingPart(exclusion)) ?? [];
    return same.find(({ rule }) => rule.name === exclusion.name) ?? same[0];
  }
}

function versionKey(profileId: string, version: number): string {
  return `${version} ${profileId}`;
}

/** Everything that decides which connections match, as text: whatever field the contract gains counts as such. */
function matchingPart(exclusion: Exclusion): string {
  const neutral = { ...exclusion, name: '', description: '', disabled: false, source: undefined };
  return Buffer.from(Exclusion.encode(neutral).finish()).toString('base64');
}

/** A newer rule with the name and description that a person gave to the older copy, disabled if that was. */
function withOwnTexts(successor: Exclusion, copy: Exclusion, origin: Exclusion): Exclusion {
  return {
    ...successor,
    name: copy.name,
    description: copy.description === origin.description ? successor.description : copy.description,
    disabled: copy.disabled,
  };
}

/** The rules, numbered where a name is in `taken`. */
function withFreeNames(rules: readonly Exclusion[], taken: ReadonlySet<string>): Exclusion[] {
  return rules.map((rule) => {
    let name = rule.name;
    for (let number = 2; taken.has(name); number += 1) name = `${rule.name} ${number}`;
    return { ...rule, name };
  });
}
