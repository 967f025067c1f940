import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { readFilter, selectDevices } from '../../../server/api/device-filter.js';
import { orderTarget } from '../../../server/api/order-target.js';
import { nameMatcher } from '../../../server/api/name-pattern.js';
import { Store } from '../../../server/store/store.js';
import { CordonError } from '../../../shared/errors.js';
import {
  ConnectionState,
  DeviceFilter,
  HostFacts,
  IsolationFilter,
} from '../../../shared/gen/cordon/v1/device.js';
import { IsolationState } from '../../../shared/gen/cordon/v1/isolation.js';
import { LinkSite, helloOf } from '../../story/server-link-site.js';
import { addDevices, type DeviceColumns } from './device-rows.js';

const ONLINE = new Set(['id-a', 'id-c']);
const isOnline = (id: string): boolean => ONLINE.has(id);

describe('a filter of devices', () => {
  let store: Store;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-selection-'));
    store = await Store.openSqlite(join(folder, 'store.db'));
  });

  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function select(filter: Partial<DeviceFilter>): Promise<string[]> {
    const selection = await readFilter(store.read, DeviceFilter.fromPartial(filter), isOnline);
    return (await selectDevices(store.read, selection, '', 100)).map(({ name }) => name);
  }

  /** The error of a filter that must be refused. */
  async function refused(filter: Partial<DeviceFilter>): Promise<CordonError> {
    try {
      await select(filter);
    } catch (error) {
      if (error instanceof CordonError) return error;
      throw error;
    }
    throw new Error('the filter was expected to be refused');
  }

  describe('over a small site', () => {
    const devices: DeviceColumns[] = [
      {
        id: 'id-a',
        name: 'Web-1',
        group_id: 'g-line',
        tags_json: '["site=a","critical"]',
        os: 'linux',
        observed_generation: 1,
        observed_state: IsolationState.ISOLATION_STATE_ISOLATED,
      },
      {
        id: 'id-b',
        name: 'web-2',
        group_id: 'g-ot',
        tags_json: '["site=a"]',
        os: 'linux',
        observed_generation: 1,
        observed_state: IsolationState.ISOLATION_STATE_RELEASED,
      },
      {
        id: 'id-c',
        name: 'desk_3',
        group_id: 'g-office',
        tags_json: '["critical"]',
        os: 'windows',
        observed_generation: 1,
        observed_state: IsolationState.ISOLATION_STATE_DEGRADED,
      },
      { id: 'id-d', name: 'desk-4', group_id: '' },
      { id: 'id-e', name: 'web-20', group_id: 'g-gone', tags_json: '["site=ab"]', banned: 1 },
    ];

    beforeEach(async () => {
      await addDevices(store, devices);
      await store.write((tx) =>
        tx
          .insertInto('groups')
          .values([
            { id: 'g-ot', name: 'OT', parent_id: '' },
            { id: 'g-line', name: 'line 1', parent_id: 'g-ot' },
            { id: 'g-office', name: 'Office', parent_id: '' },
          ])
          .execute(),
      );
    });

    const all = ['Web-1', 'desk-4', 'desk_3', 'web-2', 'web-20'];
    const cases: [string, Partial<DeviceFilter>, string[]][] = [
      ['without a condition selects every device', {}, all],
      ['by the root group selects every device, of a group that is gone too', { groupId: 'root' }, all],
      ['by a group selects those of its subgroups', { groupId: 'OT' }, ['Web-1', 'web-2']],
      ['by the path of a subgroup selects not those above it', { groupId: 'OT/line 1' }, ['Web-1']],
      ['by a tag selects whole tags alone', { tags: ['site=a'] }, ['Web-1', 'web-2']],
      ['by several tags selects those that have all', { tags: ['site=a', 'critical'] }, ['Web-1']],
      ['by a part of a tag selects none', { tags: ['critic'] }, []],
      ['by name takes upper and lower case for the same', { namePattern: 'WEB-?' }, ['Web-1', 'web-2']],
      ['by name takes * for any characters', { namePattern: 'web-*' }, ['Web-1', 'web-2', 'web-20']],
      ['by name takes the wildcards of SQL literally', { namePattern: 'desk_*' }, ['desk_3']],
      ['by name takes the percent sign literally', { namePattern: '%' }, []],
      ['by operating system', { os: 'windows' }, ['desk_3']],
      ['by an open stream', { connection: ConnectionState.CONNECTION_STATE_ONLINE }, ['Web-1', 'desk_3']],
      [
        'by no open stream',
        { connection: ConnectionState.CONNECTION_STATE_OFFLINE },
        ['desk-4', 'web-2', 'web-20'],
      ],
      [
        'by isolation counts what is isolated in part',
        { isolation: IsolationFilter.ISOLATION_FILTER_ISOLATED },
        ['Web-1', 'desk_3'],
      ],
      [
        'by release counts what was never heard of',
        { isolation: IsolationFilter.ISOLATION_FILTER_RELEASED },
        ['desk-4', 'web-2', 'web-20'],
      ],
      ['by what is pending', { isolation: IsolationFilter.ISOLATION_FILTER_PENDING }, ['desk-4', 'web-20']],
      [
        'by several conditions selects what fits them all',
        { groupId: 'OT', os: 'linux', namePattern: '*2*', tags: ['site=a'] },
        ['web-2'],
      ],
    ];
    for (const [what, filter, names] of cases) {
      it(what, async () => {
        expect(await select(filter)).to.deep.equal(names);
      });
    }

    it('goes on after the name that a page ended with', async () => {
      const filter = DeviceFilter.fromPartial({ namePattern: 'web*' });
      const selection = await readFilter(store.read, filter, isOnline);
      const page = await selectDevices(store.read, selection, 'Web-1', 1);
      expect(page.map(({ name }) => name)).to.deep.equal(['web-2']);
    });
  });

  describe('that is not in order', () => {
    const cases: [string, Partial<DeviceFilter>, string][] = [
      ['an empty tag', { tags: ['a', ''] }, 'filter.tags[1]'],
      ['a tag of 65 characters', { tags: ['x'.repeat(65)] }, 'filter.tags[0]'],
      ['a tag with white space', { tags: ['site a'] }, 'filter.tags[0]'],
      ['a repeated tag', { tags: ['a', 'a'] }, 'filter.tags[1]'],
      ['65 tags', { tags: Array.from({ length: 65 }, (_, index) => `t${index}`) }, 'filter.tags'],
      ['a pattern of 254 characters', { namePattern: '*'.repeat(254) }, 'filter.name_pattern'],
      ['an operating system of 254 characters', { os: 'x'.repeat(254) }, 'filter.os'],
      ['an unknown connection', { connection: 9 as ConnectionState }, 'filter.connection'],
      ['an unknown isolation', { isolation: 9 as IsolationFilter }, 'filter.isolation'],
    ];
    for (const [what, filter, field] of cases) {
      it(`is refused by its field: ${what}`, async () => {
        const error = await refused(filter);
        expect(error.code).to.equal(status.INVALID_ARGUMENT);
        expect(error.details.violations?.map((violation) => violation.field)).to.deep.equal([field]);
      });
    }

    it('is refused for a group that is not there, not taken for any group', async () => {
      expect(await refused({ groupId: 'OT' })).to.include({ code: status.NOT_FOUND });
    });
  });

  describe('over 10,001 devices', () => {
    const few = 10_001;

    beforeEach(() =>
      addDevices(
        store,
        Array.from({ length: few }, (_, index) => ({
          name: `dev-${String(index).padStart(5, '0')}`,
          tags_json: index % 1000 === 999 ? '["rare"]' : '[]',
        })),
      ),
    );

    const target = (filter: Partial<DeviceFilter>, expectedDevices = 0) =>
      store.write((tx) =>
        orderTarget(tx, { devices: [], filter: DeviceFilter.fromPartial(filter), expectedDevices }, isOnline),
      );

    it('finds the rare ones wherever they are, and pages through them without a gap', async () => {
      const filter = DeviceFilter.fromPartial({ tags: ['rare'] });
      const selection = await readFilter(store.read, filter, isOnline);
      const seen: string[] = [];
      for (let after = ''; ;) {
        const found = await selectDevices(store.read, selection, after, 3);
        seen.push(...found.map(({ name }) => name));
        const last = found.at(-1);
        if (!last) break;
        after = last.name;
      }
      expect(seen).to.deep.equal(Array.from({ length: 10 }, (_, index) => `dev-0${index}999`));
    });

    it('is refused as the target of an order, and one fewer is not', async () => {
      const error = await target({}).catch((reason: unknown) => reason);
      expect(error).to.include({ code: status.INVALID_ARGUMENT });
      expect((error as Error).message).to.match(/^filter: selects more than 10000 devices/);
      await store.write((tx) => tx.deleteFrom('devices').where('name', '=', 'dev-00000').execute());
      expect(await target({})).to.have.length(10_000);
    });

    it('is refused with both numbers when the client was told another one', async () => {
      const error = await target({ tags: ['rare'] }, 9).catch((reason: unknown) => reason);
      expect(error).to.include({ code: status.ABORTED });
      expect((error as Error).message).to.match(/selects 10 devices now, and 9 were expected/);
      expect(await target({ tags: ['rare'] }, 10)).to.have.length(10);
    });
  });
});

describe('what a device is selected by', () => {
  it('follows what its agent says', async () => {
    const site = await LinkSite.open();
    try {
      const device = await site.device('web-1');
      const agent = site.agent(device);
      const hello = helloOf(device);
      if (hello.$case !== 'hello') throw new Error('not a Hello');
      const facts = HostFacts.fromPartial({ os: 'linux' });
      await agent.say({ $case: 'hello', value: { ...hello.value, facts } });
      expect(await site.row(device)).to.include({
        os: 'linux',
        observed_state: IsolationState.ISOLATION_STATE_RELEASED,
      });
      if (!agent.desired) throw new Error('no desired state came');
      await agent.applied(agent.desired, { state: IsolationState.ISOLATION_STATE_DEGRADED });
      expect(await site.row(device)).to.include({
        observed_state: IsolationState.ISOLATION_STATE_DEGRADED,
      });
    } finally {
      await site.close();
    }
  });
});

describe('a pattern for names', () => {
  const cases: [string, string, boolean][] = [
    ['*', '', true],
    ['?', '', false],
    ['a*c', 'abbc', true],
    ['a*c', 'abbcd', false],
    ['*b*b', 'abab', true],
    ['a**b', 'ab', true],
    ['??', 'ab', true],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['web', 'web-1', false],
  ];
  for (const [pattern, name, fits] of cases) {
    it(`${pattern} ${fits ? 'fits' : 'does not fit'} "${name}"`, () => {
      expect(nameMatcher(pattern)(name)).to.equal(fits);
    });
  }

  it('that tries every way takes no time that anybody notices', () => {
    const started = performance.now();
    expect(nameMatcher(`${'*a'.repeat(126)}b`)('a'.repeat(253))).to.equal(false);
    expect(performance.now() - started).to.be.below(500);
  });
});
