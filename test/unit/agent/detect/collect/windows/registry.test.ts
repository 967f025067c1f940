import { expect } from 'chai';
import fc from 'fast-check';
import type { Item } from '../../../../../../agent/detect/item.js';
import { registryCollector } from '../../../../../../agent/detect/collect/windows/registry-item.js';
import { keyNames } from '../../../../../../agent/detect/collect/windows/registry-paths.js';
import { fixedPlaces, namedPlaces } from '../../../../../../agent/detect/collect/windows/registry-places.js';
import {
  registryTexts,
  registryType,
} from '../../../../../../agent/detect/collect/windows/registry-values.js';
import {
  ownerIn,
  type RegistryCalls,
} from '../../../../../../agent/detect/collect/windows/registry-calls.js';
import { WindowsError } from '../../../../../../agent/windows/library.js';

const USER = 'S-1-5-21-1-2-3-1001';
const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe('values of the registry', () => {
  for (const [title, type, data, texts] of [
    ['text without its zero', 1, wide('evil.exe'), ['evil.exe']],
    ['text with more than one', 1, wide('evil.exe\0\0'), ['evil.exe']],
    [
      'text with a byte too many',
      1,
      Buffer.concat([wide('ab\0'), Buffer.from([1])]),
      ['ab\0'.replace('\0', '')],
    ],
    ['an empty list', 7, wide('\0'), []],
    ['a list that nothing ends', 7, wide('a\0b'), ['a', 'b']],
    ['a number of four bytes', 4, Buffer.from([0, 0, 0, 0x80]), ['2147483648']],
    ['a number of none', 4, Buffer.alloc(0), ['']],
    ['a number of eight bytes', 11, Buffer.from('ffffffffffffffff', 'hex'), ['18446744073709551615']],
    ['bytes', 3, Buffer.from([0xca, 0xfe]), ['cafe']],
    ['a type without a name', 4711, Buffer.from([1]), ['01']],
  ] as const) {
    it(`are text: ${title}`, () => expect(registryTexts({ type, data })).to.deep.equal(texts));
  }

  it('are nothing where they are too long to be read', () => {
    expect(registryTexts({ type: 1, data: undefined })).to.deep.equal([]);
  });

  it('are read whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.uint8Array({ maxLength: 40 }), (type, bytes) => {
        const texts = registryTexts({ type, data: Buffer.from(bytes) });
        expect(texts.every((text) => typeof text === 'string')).to.equal(true);
        expect(registryType(type)).to.match(/^REG_/);
      }),
    );
  });
});

describe('keys of the registry', () => {
  it('are called as a document may call them', () => {
    expect(keyNames('HKEY_LOCAL_MACHINE', 'SOFTWARE\\WOW6432Node\\Evil')).to.deep.equal({
      paths: ['HKEY_LOCAL_MACHINE\\SOFTWARE\\WOW6432Node\\Evil', 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Evil'],
      hives: ['HKEY_LOCAL_MACHINE', 'HKEY_LOCAL_MACHINE\\SOFTWARE'],
      keyPaths: ['SOFTWARE\\WOW6432Node\\Evil', 'WOW6432Node\\Evil', 'SOFTWARE\\Evil', 'Evil'],
    });
    expect(keyNames('HKEY_USERS', `${USER}\\Software\\Evil`).paths).to.deep.equal([
      `HKEY_USERS\\${USER}\\Software\\Evil`,
      'HKEY_CURRENT_USER\\Software\\Evil',
    ]);
    for (const place of ['SOFTWARE\\Classes', 'SOFTWARE\\WOW6432Node\\Classes']) {
      expect(keyNames('HKEY_LOCAL_MACHINE', `${place}\\.evil\\shell`).paths.at(-1)).to.equal(
        'HKEY_CLASSES_ROOT\\.evil\\shell',
      );
    }
    expect(keyNames('HKEY_USERS', `${USER}\\Software\\Classes\\.evil`).paths.at(-1)).to.equal(
      'HKEY_CLASSES_ROOT\\.evil',
    );
    // Nobody is logged on as this.
    expect(keyNames('HKEY_USERS', '.DEFAULT\\Software\\Evil').paths).to.have.length(1);
  });

  const paths = (literal: string): string[] =>
    namedPlaces(literal, [USER]).map(({ root, path, depth }) => `${root}\\${path} ${depth}`);

  it('are looked up where a document names them, and above it', () => {
    expect(paths('HKLM\\SYSTEM\\Evil\\Key')).to.deep.equal([
      'HKEY_LOCAL_MACHINE\\SYSTEM\\Evil\\Key 2',
      'HKEY_LOCAL_MACHINE\\SYSTEM\\Evil 0',
    ]);
    expect(paths('HKEY_CURRENT_USER\\Software\\Evil')).to.deep.equal([
      `HKEY_USERS\\${USER}\\Software\\Evil 2`,
      `HKEY_USERS\\${USER}\\Software 0`,
    ]);
    expect(paths('Software\\Microsoft\\Windows\\CurrentVersion\\ACID')).to.include.members([
      'HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows\\CurrentVersion\\ACID 2',
      'HKEY_LOCAL_MACHINE\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\ACID 2',
      `HKEY_USERS\\${USER}\\Software\\Microsoft\\Windows\\CurrentVersion\\ACID 2`,
    ]);
    expect(paths('HKCR\\evilfile\\shell')).to.include.members([
      'HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\evilfile\\shell 2',
      `HKEY_USERS\\${USER}\\Software\\Classes\\evilfile\\shell 2`,
    ]);
  });

  it('are not the whole registry, whatever a document names', () => {
    for (const literal of ['', '\\', 'HKLM', 'HKEY_USERS', 'HKEY_LOCAL_MACHINE\\', 'Run', 'HKCU\\']) {
      expect(paths(literal), literal).to.deep.equal([]);
    }
    expect(paths(`HKEY_USERS\\${USER}\\Evil`)).to.deep.equal([`HKEY_USERS\\${USER}\\Evil 2`]);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('HKLM', 'SOFTWARE', 'Evil', '', 'hkcu', USER), { maxLength: 6 }),
        (parts) => {
          const places = namedPlaces(parts.join('\\'), [USER]);
          expect(places.length).to.be.at.most(16);
          expect(places.every(({ path }) => path !== '')).to.equal(true);
        },
      ),
    );
  });

  it('that are always read are each there once', () => {
    const folded = fixedPlaces([USER]).map(({ root, path }) => `${root}\\${path}`.toUpperCase());
    expect(new Set(folded).size).to.equal(folded.length);
    expect(folded).to.include(`HKEY_USERS\\${USER}\\SOFTWARE\\MICROSOFT\\WINDOWS\\CURRENTVERSION\\RUN`);
  });
});

/** A registry in which every key has one value and as many keys below as it is told to. */
function endless(
  subKeys: number,
  more: Partial<RegistryCalls> = {},
): RegistryCalls & { opened: number; closed: number } {
  const counts = { opened: 0, closed: 0 };
  return Object.assign(counts, {
    open: () => {
      counts.opened += 1;
      return {
        info: () => ({ subKeys, values: 1, modified: 0 }),
        subKey: (index: number) => (index < subKeys ? `S-1-0-${index}` : undefined),
        value: (index: number) =>
          index === 0 ? { name: 'v', type: 1, length: 4, data: wide('x\0') } : undefined,
        owner: () => {
          throw new WindowsError('RegGetKeySecurity', 5);
        },
        close: () => {
          counts.closed += 1;
        },
      };
    },
    ...more,
  });
}

async function collect(
  calls: RegistryCalls,
  named: readonly string[] = [],
  terms: readonly string[] = ['RegistryItem/Path'],
  mostKeys?: number,
): Promise<{ items: Item[]; problems: string[] }> {
  const problems: string[] = [];
  const items: Item[] = [];
  const request = {
    terms: new Set(terms),
    problem: (subject: string, detail: string) => void problems.push(`${subject}: ${detail}`),
    signal: new AbortController().signal,
    literals: new Map([['RegistryItem/Path', named]]),
  };
  const collector = registryCollector(() => Promise.resolve(calls), mostKeys);
  for await (const item of collector.collect(request)) items.push(item);
  return { items, problems };
}

describe('the collector of the registry', () => {
  it('closes every key that it opens, and reads none twice', async () => {
    const calls = endless(2);
    const { items, problems } = await collect(calls);
    expect(calls.opened).to.be.greaterThan(100);
    expect(calls.closed).to.equal(calls.opened);
    const paths = items.map(({ values }) => values.get('RegistryItem/Path')?.[0]);
    expect(new Set(paths).size).to.equal(paths.length);
    expect(problems).to.deep.equal([]);
  });

  it('goes further down where a document asks for more than the fixed keys', async () => {
    const run = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run';
    const deep = `${run}\\S-1-0-0\\S-1-0-0`;
    const has = ({ items }: { items: Item[] }, path: string): number =>
      items.filter(({ values }) => values.get('RegistryItem/Path')?.[0] === path).length;
    const [without, withIt] = [await collect(endless(1)), await collect(endless(1), [run])];
    expect([has(without, deep), has(withIt, deep)]).to.deep.equal([0, 1]);
    expect([has(without, run), has(withIt, run)]).to.deep.equal([1, 1]);
  });

  it('reports keys that Windows refuses, by name, and goes on', async () => {
    const calls = endless(0, {
      open: (root, path) => {
        if (path.endsWith('Lsa')) throw new WindowsError('RegOpenKeyExW', 5);
        return endless(0).open(root, path);
      },
    });
    const { items, problems } = await collect(calls);
    expect(problems).to.deep.equal([
      'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa: RegOpenKeyExW failed with Windows error 5',
    ]);
    expect(items.length).to.be.greaterThan(100);
  });

  it('asks for owners only where a document does, and reports those that it does not get', async () => {
    expect((await collect(endless(0))).problems).to.deep.equal([]);
    const { problems, items } = await collect(endless(0), [], ['RegistryItem/Username']);
    expect(problems[0]).to.match(/: its owner is not known: RegGetKeySecurity failed with Windows error 5$/);
    expect(items.length).to.be.greaterThan(100);
  });

  it('says that there is no registry where it cannot be opened', async () => {
    const collector = registryCollector(() => Promise.reject(new Error('no advapi32.dll')));
    const problems: string[] = [];
    for await (const item of collector.collect({
      terms: new Set(),
      problem: (subject, detail) => void problems.push(`${subject}: ${detail}`),
      signal: new AbortController().signal,
      literals: new Map(),
    })) {
      expect.fail(JSON.stringify(item));
    }
    expect(problems).to.deep.equal(['RegistryItem: not available here: no advapi32.dll']);
  });

  it('ends in a registry without end, and says where', async () => {
    const calls = endless(50);
    const { problems } = await collect(calls, [], [], 1_000);
    // Those that tell about users are beside.
    expect(calls.opened).to.be.within(1_000, 1_010);
    expect(problems).to.have.length(1);
    expect(problems[0]).to.match(/more than 1000 keys: this one and those behind it are not looked at$/);
  });
});

describe('the owner of a key', () => {
  it('is what its descriptor names', () => {
    const hex = '01000480140000000000000000000000000000000102000000000005200000002002' + '0000';
    expect(ownerIn(Buffer.from(hex, 'hex'))).to.equal('S-1-5-32-544');
    expect(() => ownerIn(Buffer.alloc(20))).to.throw(RangeError);
  });
});
