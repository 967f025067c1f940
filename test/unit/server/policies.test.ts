import { expect } from 'chai';
import { newId } from '../../../shared/ids.js';
import { standardProfiles } from '../../../shared/exclusions/profiles.js';
import { Exclusion, ExclusionHintKind } from '../../../shared/gen/cordon/v1/exclusion.js';
import { Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { PolicyServiceService } from '../../../shared/gen/cordon/v1/policy_service.js';
import { toDuration } from '../../../shared/time.js';
import { Desk, policyWith, refused, type WantedPolicy } from '../../story/desk.js';
import { LinkSite } from '../../story/server-link-site.js';

const HASH = `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'B'.repeat(42)}A`;
const OTHER_HASH = `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'C'.repeat(42)}A`;
const LOCAL = { administratorWithoutPassword: false, users: [], hasPassword: false };

const rule = (name: string, more: Partial<Exclusion> = {}): Exclusion => ({
  ...Exclusion.fromPartial({ name, protocol: 6 }),
  ...more,
});

describe('policies', () => {
  let site: LinkSite;
  let desk: Desk;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new Desk(site);
  });

  afterEach(() => site.close());

  const create = (
    wanted: WantedPolicy,
    more: { validateOnly?: boolean; allowUnresolvedHosts?: boolean } = {},
  ) =>
    desk.call(PolicyServiceService.createPolicy, {
      policy: policyWith({ displayName: 'Base', groupId: 'root', ...wanted }),
      requestId: '',
      validateOnly: false,
      allowUnresolvedHosts: false,
      ...more,
    });
  const get = async (id: string, role = Role.ROLE_ADMINISTRATOR) => {
    const { policy } = await desk.call(PolicyServiceService.getPolicy, { id }, role);
    if (!policy) throw new Error('no policy');
    return policy;
  };

  it('start with the defaults: automatic isolation off, 8 h, the DNS and DHCP profiles', async () => {
    const { policy } = await create({});
    expect(policy?.automaticIsolation).to.equal(false);
    expect(policy?.settings?.releaseDelay).to.deep.equal(toDuration(8 * 3_600_000));
    const sources = policy?.settings?.exclusions.map(({ source }) => source?.profileId);
    expect(new Set(sources)).to.deep.equal(
      new Set(['dns-client', 'dns-server', 'dhcp-client', 'dhcp-server']),
    );
    expect(policy).to.include({ groupId: 'root', groupPath: '', etag: '1' });
  });

  it('may have no exclusions at all', async () => {
    const { policy } = await create({ settings: { exclusions: [] } });
    expect(policy?.settings?.exclusions).to.deep.equal([]);
  });

  it('are one a name and one a group, and are found by either id or name', async () => {
    await desk.group('OT');
    const { policy } = await create({});
    expect(await get('Base')).to.deep.equal(policy);
    expect(await refused(create({ groupId: 'OT' }))).to.include({ reason: 'ALREADY_EXISTS' });
    const sameGroup = await refused(create({ displayName: 'Other' }));
    expect(sameGroup.message).to.contain('the root group has the policy "Base" already');
    expect(await refused(create({ displayName: 'x', groupId: 'IT' }))).to.include({ reason: 'NOT_FOUND' });
    expect(await refused(get('nothing'))).to.include({ reason: 'NOT_FOUND' });
  });

  it('are refused with the path of every field that breaks a rule', async () => {
    const field = async (wanted: WantedPolicy): Promise<string> => (await refused(create(wanted))).field;
    expect(await field({ settings: { releaseDelay: toDuration(59_000) } })).to.equal(
      'policy.settings.release_delay',
    );
    const ports = rule('x', { protocol: 1, remotePorts: [{ first: 1, last: 1 }] });
    expect(await field({ settings: { exclusions: [rule('a'), ports] } })).to.equal(
      'policy.settings.exclusions[1].remote_ports',
    );
    expect(await field({ displayName: '' })).to.equal('policy.display_name');
    expect(await field({ groupId: '' })).to.equal('policy.group_id');
    expect(await field({ trustedDetectors: ['edr', 'edr'] })).to.equal('policy.trusted_detectors[1]');
    const weak = '$scrypt$ln=4,r=8,p=1$AAAA$AAAA';
    expect(await field({ localRelease: { ...LOCAL, passwordHash: weak } })).to.equal(
      'policy.local_release.password_hash',
    );
    expect(await field({ localRelease: { ...LOCAL, passwordHash: '', users: ['a\nb'] } })).to.equal(
      'policy.local_release.users[0]',
    );
  });

  it('change only the fields that the mask names', async () => {
    await create({ settings: { exclusions: [rule('mine')], notificationText: 'call 7' } });
    const before = await get('Base');
    const after = await desk.editPolicy('Base', ['settings.release_delay', 'automatic_isolation'], {
      automaticIsolation: true,
      displayName: 'not named in the mask',
      settings: { releaseDelay: toDuration(0) },
    });
    expect(after).to.deep.equal({
      ...before,
      automaticIsolation: true,
      settings: { ...before.settings, releaseDelay: toDuration(0) },
      etag: '2',
    });
    const stale = await refused(desk.editPolicy('Base', ['automatic_isolation'], { etag: before.etag }));
    expect(stale.reason).to.equal('ETAG_MISMATCH');
    expect(await refused(desk.editPolicy('Base', ['etag'], {}))).to.include({
      field: 'update_mask.paths[0]',
    });
  });

  it('show the hash of the password to administrators alone, and keep it out of the audit', async () => {
    await create({ localRelease: { ...LOCAL, passwordHash: HASH } });
    expect((await get('Base')).localRelease).to.include({ passwordHash: HASH, hasPassword: true });
    for (const role of [Role.ROLE_VIEWER, Role.ROLE_OPERATOR]) {
      expect((await get('Base', role)).localRelease).to.include({ passwordHash: '', hasPassword: true });
      const list = await desk.call(PolicyServiceService.listPolicies, { pageSize: 0, pageToken: '' }, role);
      expect(list.policies[0]?.localRelease).to.include({ passwordHash: '', hasPassword: true });
    }
    await desk.editPolicy('Base', ['local_release.password_hash'], {
      localRelease: { ...LOCAL, passwordHash: OTHER_HASH },
    });
    const audit = await site.store.read.selectFrom('audit').select('details_json').execute();
    expect(JSON.stringify(audit)).to.contain('local_release.password_hash').and.not.contain('scrypt');
  });

  it('keep their password when somebody writes back what they read without it', async () => {
    await create({ localRelease: { ...LOCAL, passwordHash: HASH } });
    const read = (await get('Base', Role.ROLE_OPERATOR)).localRelease;
    if (!read) throw new Error('no local release');
    const kept = await desk.editPolicy('Base', ['local_release'], {
      localRelease: { ...read, users: ['ada'] },
    });
    expect(kept.localRelease).to.deep.include({ passwordHash: HASH, users: ['ada'] });
    const cleared = await desk.editPolicy('Base', ['local_release.password_hash'], { localRelease: read });
    expect(cleared.localRelease).to.deep.include({ passwordHash: '', hasPassword: false, users: ['ada'] });
    const gone = await desk.editPolicy('Base', ['local_release'], {});
    expect(gone.localRelease).to.equal(undefined);
  });

  it('make an edited rule of a profile custom, whatever the client says of it', async () => {
    const profile = standardProfiles().find(({ id }) => id === 'dns-client');
    const [first, second] = profile?.exclusions ?? [];
    if (!profile || !first || !second) throw new Error('no profile');
    const source = { profileId: profile.id, version: profile.version };
    const edited = { ...second, source, remotePorts: [{ first: 5353, last: 5353 }] };
    const { policy } = await create({ settings: { exclusions: [{ ...first, source }, edited] } });
    expect(policy?.settings?.exclusions.map((exclusion) => exclusion.source)).to.deep.equal([
      source,
      undefined,
    ]);
  });

  it('answer with hints and the number of devices that change', async () => {
    await site.device('web-1');
    await site.device('web-2');
    const exclusions = [rule('wide'), rule('narrow', { remotePorts: [{ first: 443, last: 443 }] })];
    const answer = await create({ automaticIsolation: true, settings: { exclusions } });
    expect(answer.affectedDevices).to.equal(2);
    const redundant = answer.hints.find(
      ({ kind }) => kind === ExclusionHintKind.EXCLUSION_HINT_KIND_REDUNDANT,
    );
    expect(redundant).to.include({ name: 'narrow', other: 'wide' });
  });

  it('tell with validate_only what a request would do, and change nothing', async () => {
    const device = await site.device('web-1');
    const answer = await create({ automaticIsolation: true }, { validateOnly: true });
    expect(answer.affectedDevices).to.equal(1);
    expect(await site.row(device)).to.include({ settings_hash: '', generation: 1 });
    expect(await site.store.read.selectFrom('policies').selectAll().execute()).to.deep.equal([]);
    expect(await site.store.read.selectFrom('audit').selectAll().execute()).to.deep.equal([]);
    expect(desk.told).to.deep.equal([]);
  });

  describe('with host names', () => {
    const hosts = (...names: string[]) => ({
      settings: { exclusions: names.map((name, index) => rule(`${index}`, { remoteHost: name })) },
    });

    it('are refused where the resolver of the server does not know one, unless the client insists', async () => {
      desk.knownHosts.add('known.example');
      const refusal = await refused(create(hosts('known.example', 'typo.example')));
      expect(refusal.field).to.equal('policy.settings.exclusions[1].remote_host');
      expect(refusal.message).to.contain('allow_unresolved_hosts');
      await create(hosts('known.example', 'typo.example'), { allowUnresolvedHosts: true });
      await desk.editPolicy('Base', ['settings.exclusions'], hosts('known.example'));
      expect(await refused(desk.editPolicy('Base', ['settings'], hosts('typo.example')))).to.include({
        field: 'policy.settings.exclusions[0].remote_host',
      });
    });

    it('ask for each name once, and not at all when the exclusions stay', async () => {
      desk.knownHosts.add('known.example');
      await create(hosts('known.example', 'known.example'));
      expect(desk.asked).to.deep.equal(['known.example']);
      await desk.editPolicy('Base', ['automatic_isolation'], { ...hosts('typo.example') });
      expect(desk.asked).to.have.length(1);
    });

    it('are answered within 3 s even when the resolver never is', async () => {
      desk.knownHosts.add('silent.example');
      desk.silent = true;
      const idle = site.clock.pending;
      const refusal = refused(create(hosts('silent.example')));
      // The limit on looking names up is the timer of this call.
      while (site.clock.pending === idle) await new Promise((resolve) => setImmediate(resolve));
      site.clock.advance(3_000);
      expect((await refusal).message).to.contain('was not resolved within 3 s');
    });

    it('answer a repeat with the first answer although the name is gone since', async () => {
      desk.knownHosts.add('known.example');
      const request = {
        policy: policyWith({ displayName: 'Base', groupId: 'root', ...hosts('known.example') }),
        requestId: newId(),
        validateOnly: false,
        allowUnresolvedHosts: false,
      };
      const first = await desk.call(PolicyServiceService.createPolicy, request);
      desk.knownHosts.clear();
      expect(await desk.call(PolicyServiceService.createPolicy, request)).to.deep.equal(first);
    });
  });

  it('are listed by name, page by page, as many as one answer can carry', async () => {
    const description = 'x'.repeat(1000);
    const large = Array.from({ length: 1200 }, (_, index) => rule(`rule ${index}`, { description }));
    for (const name of ['c', 'a', 'b', 'd']) {
      await desk.group(name);
      await create({ displayName: name, groupId: name, settings: { exclusions: large } });
    }
    const names: string[][] = [];
    let pageToken = '';
    do {
      const page = await desk.call(PolicyServiceService.listPolicies, { pageSize: 3, pageToken });
      names.push(page.policies.map(({ displayName }) => displayName));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).to.deep.equal([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('apply from the nearest group upwards, and say so in a sentence', async () => {
    await site.device('web-1');
    await desk.group('OT/line 1');
    await desk.move('web-1', 'OT/line 1');
    const effective = () => desk.call(PolicyServiceService.getEffectivePolicy, { device: 'web-1' });
    expect(await effective()).to.deep.equal({
      policy: undefined,
      groupId: '',
      explanation:
        'web-1 is in group OT/line 1; group OT/line 1 has no policy; group OT has no policy; the root group has no ' +
        'policy; no policy applies, and a detection never isolates it',
    });
    await create({ automaticIsolation: true });
    expect((await effective()).groupId).to.equal('root');
    await create({ displayName: 'Plant', groupId: 'OT' });
    const near = await effective();
    expect(near.policy?.displayName).to.equal('Plant');
    expect(near.explanation).to.equal(
      'web-1 is in group OT/line 1; group OT/line 1 has no policy; the policy "Plant" of group OT applies; it does not ' +
        'isolate automatically',
    );
  });

  it('move to another group with all devices of both', async () => {
    const [one, other] = [await site.device('web-1'), await site.device('web-2')];
    await desk.group('OT');
    await desk.move('web-2', 'OT');
    await desk.group('IT');
    await desk.move('web-1', 'IT');
    await create({ automaticIsolation: true, groupId: 'OT' });
    desk.told.length = 0;
    await desk.editPolicy('Base', ['group_id'], { groupId: 'IT' });
    expect(desk.told.flat()).to.have.members([one, other]);
    expect((await site.row(other)).settings_hash).to.equal('');
    expect((await site.row(one)).settings_hash).not.to.equal('');
  });

  it('list the standard profiles', async () => {
    const { exclusionProfiles } = await desk.call(PolicyServiceService.listExclusionProfiles, {});
    expect(exclusionProfiles).to.deep.equal(standardProfiles());
  });
});
