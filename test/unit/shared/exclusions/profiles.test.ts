import { expect } from 'chai';
import {
  defaultExclusions,
  newestProfiles,
  profileVersions,
  standardProfiles,
} from '../../../../shared/exclusions/profiles.js';
import { PROFILE_DATA } from '../../../../shared/exclusions/profiles/all.js';
import { validateExclusions } from '../../../../shared/exclusions/validate.js';
import { ExclusionDirection } from '../../../../shared/gen/cordon/v1/exclusion.js';

const SOURCE = /RFC \d+ section \d|https:\/\/|\[MS-[A-Z0-9]+\] section \d/;

describe('standard profiles', () => {
  it('cover the roles of the seed by default, and no other', () => {
    const defaults = standardProfiles().filter(({ isDefault }) => isDefault);
    expect(defaults.map(({ id }) => id)).to.deep.equal([
      'dns-client',
      'dns-server',
      'dhcp-client',
      'dhcp-server',
    ]);
    expect(defaultExclusions()).to.deep.equal(defaults.flatMap(({ exclusions }) => exclusions));
  });

  it('offer the roles that people ask for', () => {
    const offered = standardProfiles().filter(({ isDefault }) => !isDefault);
    expect(offered.map(({ id }) => id)).to.include.members([
      ...['ntp-client', 'domain-member', 'smb-client', 'windows-update', 'http-proxy-client'],
      ...['rdp-server', 'ssh-server', 'winrm-server', 'snmp-agent', 'syslog-client', 'cloud-metadata'],
      ...['opc-ua-client', 'opc-ua-server', 'modbus-client', 'modbus-server', 's7-client', 's7-server'],
      ...['ethernet-ip-client', 'ethernet-ip-server'],
    ]);
  });

  it('have ids, names, a description and versions that count from 1 and say what they change', () => {
    for (const profile of PROFILE_DATA) {
      expect(profile.id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(profile.displayName, profile.id).not.to.equal('');
      expect(profile.description, profile.id).to.match(/^[A-Z].*\.$/);
      expect(profile.versions, profile.id).not.to.deep.equal([]);
      for (const [index, { change, rules }] of profile.versions.entries()) {
        expect(change === '', `${profile.id}: change of version ${index + 1}`).to.equal(index === 0);
        expect(rules, profile.id).not.to.deep.equal([]);
      }
    }
    const ids = PROFILE_DATA.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('name the RFC or the product page of each port', () => {
    for (const { id, versions } of PROFILE_DATA) {
      for (const { name, source } of versions.flatMap(({ rules }) => rules)) {
        expect(source, `${id}: ${name}`).to.match(SOURCE);
      }
    }
    for (const { id, references } of profileVersions()) {
      expect(references, id).not.to.deep.equal([]);
      expect(new Set(references).size, id).to.equal(references.length);
    }
  });

  it('fit together into one valid list, in which each rule knows its profile', () => {
    const all = standardProfiles();
    const rules = all.flatMap(({ exclusions }) => exclusions);
    expect(validateExclusions(rules, 'exclusions')).to.deep.equal([]);
    expect(new Set(rules.map(({ name }) => name)).size, 'names').to.equal(rules.length);
    for (const { id, version, exclusions } of profileVersions()) {
      expect(validateExclusions(exclusions, 'exclusions')).to.deep.equal([]);
      for (const { source } of exclusions) expect(source).to.deep.equal({ profileId: id, version });
    }
  });

  it('open one direction with each rule, and always name ports of the side that is asked', () => {
    for (const { name, direction, localPorts, remotePorts } of standardProfiles().flatMap(
      ({ exclusions }) => exclusions,
    )) {
      switch (direction) {
        case ExclusionDirection.EXCLUSION_DIRECTION_INBOUND:
          expect(localPorts, name).not.to.deep.equal([]);
          break;
        case ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND:
          expect(remotePorts, name).not.to.deep.equal([]);
          break;
        default:
          expect.fail(`${name} opens both directions`);
      }
    }
  });

  it('let metadata of clouds pass to its addresses only', () => {
    const profile = standardProfiles().find(({ id }) => id === 'cloud-metadata');
    expect(profile?.exclusions.length).to.be.above(0);
    for (const { name, remoteAddresses } of profile?.exclusions ?? []) {
      expect(remoteAddresses, name).not.to.deep.equal([]);
    }
  });

  it('are newest by version, wherever the newest stands', () => {
    const [first] = profileVersions();
    if (!first) throw new Error('no profiles');
    const second = { ...first, version: 2, change: 'More.' };
    for (const versions of [
      [first, second],
      [second, first],
    ]) {
      expect(newestProfiles(versions)).to.deep.equal([second]);
    }
  });

  it('are handed out as copies: what a caller does to one stays with that caller', () => {
    standardProfiles()[0]?.exclusions.splice(0);
    expect(standardProfiles()[0]?.exclusions).not.to.deep.equal([]);
  });
});
