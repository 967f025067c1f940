import { expect } from 'chai';
import {
  fromProfile,
  profileUpdates,
  withProfileAdded,
  withProfileUpdated,
  withTrueSources,
} from '../../../../shared/exclusions/from-profile.js';
import { defaultExclusions, standardProfiles } from '../../../../shared/exclusions/profiles.js';
import { validateExclusions } from '../../../../shared/exclusions/validate.js';
import { Exclusion, ExclusionProfile } from '../../../../shared/gen/cordon/v1/exclusion.js';

const rule = (name: string, port: number, more: Partial<Exclusion> = {}): Exclusion =>
  Exclusion.fromPartial({ name, protocol: 6, remotePorts: [{ first: port, last: port }], ...more });

const version = (number: number, change: string, ...exclusions: Exclusion[]): ExclusionProfile =>
  ExclusionProfile.fromPartial({ id: 'robots', version: number, change, exclusions });

/** Moves one port, drops one rule, brings one. */
const V1 = version(1, '', rule('Arm', 1001), rule('Belt', 1002), rule('Camera', 1003));
const V2 = version(2, 'Belt moves to port 2002.', rule('Arm', 1001), rule('Belt', 2002), rule('Drill', 2004));
const OTHER = ExclusionProfile.fromPartial({ id: 'pumps', version: 1, exclusions: [rule('Pump', 1001)] });
const PROFILES = [V1, V2, OTHER];

const names = (list: readonly Exclusion[]): string[] => list.map(({ name }) => name);
const versions = (list: readonly Exclusion[]): (number | undefined)[] =>
  list.map(({ source }) => source?.version);
const portOf = (list: readonly Exclusion[], name: string): number | undefined =>
  list.find((candidate) => candidate.name === name)?.remotePorts[0]?.first;
const edit = (list: readonly Exclusion[], name: string, change: Partial<Exclusion>): Exclusion[] =>
  list.map((entry) => (entry.name === name ? { ...entry, ...change } : entry));
const own = rule('Own', 9000);

describe('exclusions from profiles', () => {
  describe('copies', () => {
    it('carry the rules and remember profile and version', () => {
      const copies = fromProfile(V1);
      expect(names(copies)).to.deep.equal(['Arm', 'Belt', 'Camera']);
      expect(copies[0]?.source).to.deep.equal({ profileId: 'robots', version: 1 });
    });

    it('are not the profile itself', () => {
      fromProfile(V1)[0]?.remotePorts.splice(0);
      expect(V1.exclusions[0]?.remotePorts).not.to.deep.equal([]);
    });
  });

  describe('true sources', () => {
    const sources = (list: readonly Exclusion[]): boolean[] =>
      withTrueSources(list, PROFILES).map(({ source }) => source !== undefined);

    it('stay where nobody edited, in every version of the profile', () => {
      expect(sources([...fromProfile(V1), ...fromProfile(V2), own])).to.deep.equal([
        ...[true, true, true],
        ...[true, true, true],
        false,
      ]);
      expect(withTrueSources(defaultExclusions())).to.deep.equal(defaultExclusions());
    });

    for (const [what, change] of Object.entries<Partial<Exclusion>>({
      'a port': { remotePorts: [{ first: 1001, last: 1009 }] },
      'another port': { localPorts: [{ first: 1, last: 1 }] },
      'an address': { remoteAddresses: ['192.0.2.1'] },
      'an own address': { localAddresses: ['192.0.2.1'] },
      'a host name': { remoteHost: 'robot.example' },
      'the protocol': { protocol: 17 },
      'the direction': { direction: 2 },
      'the program': { application: { target: { $case: 'systemdUnit', value: 'a.service' } } },
    })) {
      it(`end with an edit of ${what}: the rule becomes custom, and nothing else of it changes`, () => {
        const edited = edit(fromProfile(V1), 'Arm', change);
        expect(sources(edited)).to.deep.equal([false, true, true]);
        const [arm] = withTrueSources(edited, PROFILES);
        expect(arm).to.deep.equal({ ...edited[0], source: undefined });
      });
    }

    it('outlive a new name, a new description and disabling: none of them changes what matches', () => {
      for (const change of [{ name: 'Left arm' }, { description: 'Hall 3' }, { disabled: true }]) {
        expect(sources(edit(fromProfile(V1), 'Arm', change))).to.deep.equal([true, true, true]);
      }
    });

    it('are never taken on the word of the caller', () => {
      const source = (profileId: string, number: number): Exclusion => ({
        ...rule('Arm', 1001),
        source: { profileId, version: number },
      });
      const claims = [source('robots', 1), source('robots', 0), source('robots', 3), source('unknown', 1)];
      expect(sources(claims)).to.deep.equal([true, false, false, false]);
      expect(sources([{ ...rule('Belt', 2002), source: { profileId: 'robots', version: 1 } }])).to.deep.equal(
        [false],
      );
    });
  });

  describe('updates', () => {
    const list = [rule('First', 9001), ...fromProfile(V1), rule('Last', 9002), ...fromProfile(OTHER)];

    it('are offered with the oldest version that is in use and what the newest changes', () => {
      const offer = { profileId: 'robots', toVersion: 2, change: 'Belt moves to port 2002.' };
      expect(profileUpdates(list, PROFILES)).to.deep.equal([{ ...offer, fromVersion: 1 }]);
      expect(profileUpdates([...fromProfile(V2), ...fromProfile(V1)], PROFILES)).to.deep.equal([
        { ...offer, fromVersion: 1 },
      ]);
    });

    it('are not offered for the newest version, for custom rules and for what only claims a source', () => {
      expect(profileUpdates([...fromProfile(V2), own], PROFILES)).to.deep.equal([]);
      const claim = { ...own, source: { profileId: 'robots', version: 1 } };
      expect(profileUpdates([claim], PROFILES)).to.deep.equal([]);
      expect(profileUpdates(defaultExclusions())).to.deep.equal([]);
    });

    it('replace copies in their places, drop what is gone, and put what is new behind the last copy', () => {
      const updated = withProfileUpdated(list, 'robots', PROFILES);
      expect(names(updated)).to.deep.equal(['First', 'Arm', 'Belt', 'Drill', 'Last', 'Pump']);
      expect(versions(updated)).to.deep.equal([undefined, 2, 2, 2, undefined, 1]);
      expect(portOf(updated, 'Belt')).to.equal(2002);
      expect(profileUpdates(updated, PROFILES)).to.deep.equal([]);
      expect(withProfileUpdated(updated, 'robots', PROFILES)).to.deep.equal(updated);
    });

    it('leave an edited rule as it is, and do not bring back what it was', () => {
      const edited = withTrueSources(edit(list, 'Belt', { remotePorts: [{ first: 7, last: 7 }] }), PROFILES);
      const updated = withProfileUpdated(edited, 'robots', PROFILES);
      expect(names(updated)).to.deep.equal(['First', 'Arm', 'Belt', 'Drill', 'Last', 'Pump']);
      expect(portOf(updated, 'Belt')).to.equal(7);
      expect(versions(updated)[2]).to.equal(undefined);
    });

    it('do not bring back a rule that a person took out', () => {
      const without = list.filter(({ name }) => name !== 'Belt');
      expect(names(withProfileUpdated(without, 'robots', PROFILES))).to.deep.equal([
        ...['First', 'Arm', 'Drill', 'Last', 'Pump'],
      ]);
    });

    it('keep the name, the description and the disabling of a copy', () => {
      const named = edit(list, 'Belt', { name: 'My belt', description: 'Hall 3', disabled: true });
      const updated = withProfileUpdated(named, 'robots', PROFILES);
      const belt = updated.find(({ name }) => name === 'My belt');
      expect(belt).to.deep.include({ description: 'Hall 3', disabled: true });
      expect(portOf(updated, 'My belt')).to.equal(2002);
      expect(updated.find(({ name }) => name === 'Drill')?.disabled).to.equal(false);
    });

    it('bring nothing into force for a profile that is disabled as a whole', () => {
      const off = fromProfile(V1).map((entry) => ({ ...entry, disabled: true }));
      const updated = withProfileUpdated([...off, own], 'robots', PROFILES);
      expect(names(updated.filter(({ disabled }) => !disabled))).to.deep.equal(['Own']);
      expect(names(updated)).to.include('Drill');
    });

    it('number a new rule whose name is taken', () => {
      const taken = [...list, rule('Drill', 9003)];
      const updated = withProfileUpdated(taken, 'robots', PROFILES);
      expect(names(updated)).to.include.members(['Drill', 'Drill 2']);
      expect(portOf(updated, 'Drill 2')).to.equal(2004);
      expect(validateExclusions(updated, 'exclusions')).to.deep.equal([]);
    });

    it('change nothing without a copy of the profile, or without the profile', () => {
      expect(withProfileUpdated([own], 'robots', PROFILES)).to.deep.equal([own]);
      expect(withProfileUpdated(list, 'unknown', PROFILES)).to.deep.equal(list);
    });
  });

  describe('adding a profile', () => {
    it('appends its rules', () => {
      const { exclusions, added, alreadyThere } = withProfileAdded([own], V2, PROFILES);
      expect(names(exclusions)).to.deep.equal(['Own', 'Arm', 'Belt', 'Drill']);
      expect(added).to.deep.equal(['Arm', 'Belt', 'Drill']);
      expect(alreadyThere).to.deep.equal([]);
    });

    it('appends only what is not there, also from an older version, renamed or disabled', () => {
      const there = edit(fromProfile(V1), 'Arm', { name: 'My arm', disabled: true });
      const { exclusions, added, alreadyThere } = withProfileAdded(there, V2, PROFILES);
      expect(added).to.deep.equal(['Drill']);
      expect(alreadyThere).to.deep.equal(['My arm', 'Belt']);
      expect(names(exclusions)).to.deep.equal(['My arm', 'Belt', 'Camera', 'Drill']);
      const again = withProfileAdded(exclusions, V2, PROFILES);
      expect(again.added).to.deep.equal([]);
      expect(again.exclusions).to.deep.equal(exclusions);
    });

    it('appends the rule beside an edited copy of it, under a numbered name', () => {
      const edited = withTrueSources(
        edit(fromProfile(V2), 'Arm', { remoteAddresses: ['192.0.2.1'] }),
        PROFILES,
      );
      const { exclusions, added } = withProfileAdded(edited, V2, PROFILES);
      expect(added).to.deep.equal(['Arm 2']);
      expect(validateExclusions(exclusions, 'exclusions')).to.deep.equal([]);
      expect(withTrueSources(exclusions, PROFILES)).to.deep.equal(exclusions);
    });

    it('does not take the same rule of another profile for its own', () => {
      const { added, alreadyThere } = withProfileAdded(fromProfile(OTHER), V1, PROFILES);
      expect(added).to.deep.equal(['Arm', 'Belt', 'Camera']);
      expect(alreadyThere).to.deep.equal([]);
    });

    it('makes a valid list of all standard profiles', () => {
      const all = standardProfiles().reduce<Exclusion[]>(
        (list, profile) => withProfileAdded(list, profile).exclusions,
        defaultExclusions(),
      );
      expect(validateExclusions(all, 'exclusions')).to.deep.equal([]);
      expect(all.length).to.equal(standardProfiles().flatMap(({ exclusions }) => exclusions).length);
      expect(withTrueSources(all)).to.deep.equal(all);
    });
  });
});
