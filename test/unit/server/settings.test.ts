import { expect } from 'chai';
import { mergeSettings, type PolicyContent } from '../../../server/desired/merge.js';
import { refreshSettings, settingsOfNewDevice } from '../../../server/desired/refresh.js';
import { defaultDeviceSettings, defaultSettings, pruneSettings } from '../../../server/desired/settings.js';
import { Sources } from '../../../server/desired/sources.js';
import { GroupTree } from '../../../server/groups/tree.js';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { newId } from '../../../shared/ids.js';
import { Desk, settingsWith } from '../../story/desk.js';
import { LinkSite } from '../../story/server-link-site.js';
import { addDevices } from './device-rows.js';

const rule = (name: string): Exclusion => Exclusion.fromPartial({ name });

describe('settings of a device', () => {
  const policy: PolicyContent = {
    automaticIsolation: true,
    settings: settingsWith({ exclusions: [rule('of the policy')] }),
    trustedDetectors: ['edr'],
    localRelease: {
      passwordHash: '',
      administratorWithoutPassword: true,
      users: ['ada'],
      hasPassword: false,
    },
  };
  const task = settingsWith({ exclusions: [rule('of the task')] });

  it('are the defaults where nothing applies', () => {
    expect(mergeSettings(undefined, undefined)).to.deep.equal(defaultDeviceSettings);
  });

  it('take manual settings from the task and everything else from the policy', () => {
    expect(mergeSettings(policy, task)).to.deep.equal({
      manualSettings: task,
      automaticSettings: policy.settings,
      localRelease: policy.localRelease,
      trustedDetectors: ['edr'],
    });
  });

  it('never let a policy into manual isolation, nor a task into automatic isolation', () => {
    expect(mergeSettings(policy, undefined).manualSettings).to.deep.equal(defaultSettings());
    expect(mergeSettings(undefined, task).automaticSettings).to.equal(undefined);
  });

  it('have no automatic isolation where the policy does not want it, but its local release', () => {
    const merged = mergeSettings({ ...policy, automaticIsolation: false }, undefined);
    expect(merged.automaticSettings).to.equal(undefined);
    expect(merged.localRelease).to.deep.equal(policy.localRelease);
  });

  it('come from the nearest group upwards, and from the task of the device before any group', () => {
    const group = (id: string, parent_id: string) => ({ id, name: id, parent_id, version: 1 });
    const tree = new GroupTree([group('ot', ''), group('line', 'ot'), group('it', '')]);
    const sources = new Sources(
      tree,
      new Map([
        ['', 'policy of root'],
        ['ot', 'policy of ot'],
      ]),
      new Map([['ot', 'task of ot']]),
      new Map([['web-1', 'task of web-1']]),
    );
    expect(sources.policy('line')?.id).to.equal('policy of ot');
    expect(sources.policy('it')).to.deep.equal({
      id: 'policy of root',
      from: { kind: 'group', groupId: '' },
    });
    expect(sources.task('db-1', 'line')?.id).to.equal('task of ot');
    expect(sources.task('db-1', 'it')).to.equal(undefined);
    expect(sources.task('web-1', 'line')).to.deep.equal({ id: 'task of web-1', from: { kind: 'device' } });
  });

  describe('in the store', () => {
    let site: LinkSite;
    let desk: Desk;

    beforeEach(async () => {
      site = await LinkSite.open();
      desk = new Desk(site);
    });

    afterEach(() => site.close());

    const kept = async (): Promise<string[]> =>
      (await site.store.read.selectFrom('settings').select('hash').execute()).map(({ hash }) => hash);

    it('are the same row for all devices that share them, and are as if never set once nothing applies', async () => {
      const [first, second] = [await site.device('web-1'), await site.device('web-2')];
      const made = await desk.policy('root');
      const { settings_hash: hash } = await site.row(first);
      expect((await site.row(second)).settings_hash).to.equal(hash);
      expect(await kept()).to.deep.equal([hash]);
      await desk.removePolicy(made.id);
      expect((await site.row(first)).settings_hash).to.equal('');
    });

    it('are forgotten once no device has them and no record of an isolation shows them', async () => {
      const id = await site.device('web-1');
      const made = await desk.policy('root');
      const { settings_hash: used } = await site.row(id);
      await site.order(id, 'isolate');
      await site.store.read
        .updateTable('isolations')
        .set({ ended_at: site.clock.wall() })
        .where('device_id', '=', id)
        .execute();
      await desk.editPolicy(made.id, ['settings'], { settings: { exclusions: [rule('first')] } });
      await desk.editPolicy(made.id, ['settings'], { settings: { exclusions: [rule('second')] } });
      const { settings_hash: now } = await site.row(id);
      expect(await kept()).to.have.length(3);
      await site.store.write((tx) => pruneSettings(tx));
      expect(await kept()).to.have.members([used, now]);
    });

    it('are there from the first moment of a device that enrols into a group', async () => {
      const group = await desk.group('OT');
      await desk.policy('OT');
      const hash = await site.store.write((tx) => settingsOfNewDevice(tx, newId(), group));
      expect(await kept()).to.deep.equal([hash]);
      expect(await site.store.write((tx) => settingsOfNewDevice(tx, newId(), ''))).to.equal('');
    });

    it('of 10,000 devices change in one transaction well below a second', async function () {
      this.timeout(20_000);
      const group = await desk.group('fleet');
      await addDevices(
        site.store,
        Array.from({ length: 10_000 }, (_, index) => ({
          name: `web-${index}`,
          group_id: group,
          observed_generation: 1,
        })),
      );
      await desk.policy('fleet');
      const made = await desk.task({ $case: 'groupId', value: 'fleet' });
      const started = performance.now();
      await desk.editTask(made.id, ['settings'], { exclusions: [rule('live')] });
      const took = performance.now() - started;
      const rows = await site.store.read
        .selectFrom('devices')
        .select(['settings_hash', 'generation'])
        .distinct()
        .execute();
      expect(rows).to.have.length(1);
      expect(rows[0]?.generation).to.equal(4);
      expect(desk.told.at(-1)).to.have.length(10_000);
      expect(took).to.be.below(1_000);
      const again = await site.store.write((tx) => refreshSettings(tx, { kind: 'groups', groupIds: [''] }));
      expect(again).to.deep.equal([]);
    });
  });
});
