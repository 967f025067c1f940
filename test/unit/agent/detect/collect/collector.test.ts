import { expect } from 'chai';
import { collector } from '../../../../../agent/detect/collect/collector.js';
import { itemOf } from '../../../../../agent/detect/collect/item-of.js';
import type { Item } from '../../../../../agent/detect/item.js';
import { collectAll } from './term-check.js';

function* processes(count: number): Generator<Item> {
  for (let pid = 1; pid <= count; pid += 1) yield itemOf('ProcessItem', { pid });
}

const parts = { type: 'ProcessItem', properties: ['pid', 'PortList/PortItem/localIP'], most: 3 } as const;

describe('a collector', () => {
  it('names its terms with their item type', () => {
    const { terms } = collector({ ...parts, list: () => [] });
    expect([...terms]).to.deep.equal(['ProcessItem/pid', 'ProcessItem/PortList/PortItem/localIP']);
  });

  it('lists as much as its limit, and reports that there is more', async () => {
    const whole = await collectAll(collector({ ...parts, list: () => processes(3) }));
    expect(whole.items).to.have.length(3);
    expect(whole.problems).to.deep.equal([]);
    const cut = await collectAll(collector({ ...parts, list: () => processes(4) }));
    expect(cut.items).to.have.length(3);
    expect(cut.problems).to.deep.equal(['ProcessItem: there are more than 3; the rest was not looked at']);
  });

  it('stops when the scan ends', async () => {
    const scan = new AbortController();
    const seen: Item[] = [];
    const { items } = await collectAll(
      collector({
        ...parts,
        list: function* () {
          for (const item of processes(3)) {
            seen.push(item);
            if (seen.length === 2) scan.abort();
            yield item;
          }
        },
      }),
      { signal: scan.signal },
    );
    expect(items).to.have.length(1);
    expect(seen).to.have.length(2);
  });

  it('keeps what it has when it fails, and reports why', async () => {
    const { items, problems } = await collectAll(
      collector({
        ...parts,
        list: function* () {
          yield* processes(2);
          throw new Error('the list ended early');
        },
      }),
    );
    expect(items).to.have.length(2);
    expect(problems).to.deep.equal(['ProcessItem: the list ended early']);
  });

  it('knows whether a document asks for a property or for one below it', async () => {
    const asked: Record<string, boolean> = {};
    const asking = collector({
      ...parts,
      list: (_request, asks) => {
        for (const property of ['pid', 'PortList', 'Port', 'name']) asked[property] = asks(property);
        return [];
      },
    });
    await collectAll(asking);
    expect(asked).to.deep.equal({ pid: true, PortList: true, Port: false, name: false });
  });
});

describe('an item', () => {
  it('has what is known, each value once', () => {
    const item = itemOf('UserItem', {
      Username: 'eve',
      fullname: '',
      userid: Number.NaN,
      shell: undefined,
      'grouplist/groupname': ['users', 'wheel', 'users', ''],
      disabled: false,
      description: [],
    });
    expect([...item.values]).to.deep.equal([
      ['UserItem/Username', ['eve']],
      ['UserItem/grouplist/groupname', ['users', 'wheel']],
      ['UserItem/disabled', [false]],
    ]);
  });
});
