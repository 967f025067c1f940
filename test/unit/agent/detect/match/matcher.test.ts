import { expect } from 'chai';
import type { Item } from '../../../../../agent/detect/item.js';
import { KeptSets } from '../../../../../agent/detect/match/kept-sets.js';
import { Matcher, SCAN_ORDER } from '../../../../../agent/detect/match/matcher.js';
import type { ScanMatch } from '../../../../../agent/detect/scan-messages.js';
import type { IocNode, IocTerm, Test } from '../../../../../shared/ioc/model.js';
import { all, any, document, hash, item, not, number, term, text } from '../../../../fakes/ioc-trees.js';

interface Outcome {
  readonly matches: readonly ScanMatch[];
  readonly problems: readonly string[];
}

/** What a device with these items comes to. */
function scan(roots: readonly IocNode[], items: readonly Item[], disabled: readonly string[] = []): Outcome {
  const problems: string[] = [];
  const documents = roots.map((root, at) => ({ hash: `${at}`, document: document(root, `d${at}`) }));
  const matcher = new Matcher(documents, new Set(disabled), new KeptSets(), (_, detail) =>
    problems.push(detail),
  );
  const matches = SCAN_ORDER.flatMap((type) => {
    const view = matcher.of(type);
    return items.filter((one) => one.type === type).flatMap((one) => matcher.matchesOf(view, one));
  });
  return { matches, problems };
}

const matched = (root: IocNode, ...items: readonly Item[]): number => scan([root], items).matches.length;

const MD5 = '00112233445566778899aabbccddeeff';
const file = (properties: Parameters<typeof item>[1]): Item =>
  item('FileItem', { FullPath: '/opt/evil.exe', ...properties });

describe('what a document matches', () => {
  const cases: readonly { name: string; test: Test; holds: Item; misses: Item }[] = [
    {
      name: 'text that is the same, whatever its case',
      test: { kind: 'text', how: 'is', text: 'evil.exe', foldCase: true },
      holds: file({ FileName: 'EVIL.exe' }),
      misses: file({ FileName: 'evil.exe2' }),
    },
    {
      name: 'text that is the same with its case',
      test: { kind: 'text', how: 'is', text: 'Evil', foldCase: false },
      holds: file({ FileName: 'Evil' }),
      misses: file({ FileName: 'evil' }),
    },
    {
      name: 'text that contains',
      test: { kind: 'text', how: 'contains', text: 'vil', foldCase: true },
      holds: file({ FileName: 'eVIl.exe' }),
      misses: file({ FileName: 'v.il' }),
    },
    {
      name: 'text that begins',
      test: { kind: 'text', how: 'starts-with', text: 'ev', foldCase: true },
      holds: file({ FileName: 'EVil' }),
      misses: file({ FileName: 'devil' }),
    },
    {
      name: 'text that ends',
      test: { kind: 'text', how: 'ends-with', text: '.exe', foldCase: true },
      holds: file({ FileName: 'a.EXE' }),
      misses: file({ FileName: 'a.exe.txt' }),
    },
    {
      name: 'a pattern',
      test: { kind: 'pattern', source: '^e.i[0-9]+$', foldCase: true },
      holds: file({ FileName: 'EVI12' }),
      misses: file({ FileName: 'evi' }),
    },
    {
      name: 'a range without one of its ends',
      test: { kind: 'number', ranges: [{ from: 5, to: Infinity, exclusive: 'from' }] },
      holds: file({ FileName: 6 }),
      misses: file({ FileName: 5 }),
    },
    {
      name: 'a time',
      test: { kind: 'date', ranges: [{ from: 1000, to: 2000 }] },
      holds: file({ FileName: 2000 }),
      misses: file({ FileName: 2001 }),
    },
    {
      name: 'an address in a network',
      test: { kind: 'address', ranges: [{ family: 4, first: 0x0a000000n, last: 0x0affffffn }] },
      holds: file({ FileName: '10.255.0.1' }),
      misses: file({ FileName: '11.0.0.1' }),
    },
    {
      name: 'a yes or no',
      test: { kind: 'boolean', value: false },
      holds: file({ FileName: false }),
      misses: file({ FileName: true }),
    },
    {
      name: 'a hash',
      test: { kind: 'hash', hex: MD5 },
      holds: file({ FileName: MD5 }),
      misses: file({ FileName: `${MD5.slice(0, -1)}e` }),
    },
  ];
  for (const { name, test, holds, misses } of cases) {
    it(`${name}, and not a near miss`, () => {
      const asks = term('FileItem/FileName', test);
      expect([matched(asks, holds), matched(asks, misses)]).to.deep.equal([1, 0]);
      const excludes = all(text('FileItem/FullPath', '/opt/evil.exe'), not(asks));
      expect([matched(excludes, holds), matched(excludes, misses)]).to.deep.equal([0, 1]);
    });
  }

  it('terms of one kind are asked of the same item', () => {
    const root = all(text('FileItem/FileName', 'a'), number('FileItem/SizeInBytes', 5));
    expect(matched(root, file({ FileName: 'a' }), file({ SizeInBytes: 5 }))).to.equal(0);
    expect(matched(root, file({ FileName: 'a', SizeInBytes: 5 }))).to.equal(1);
  });

  it('one of several values is enough, and none may pass for a negated term', () => {
    const imports = 'FileItem/PEInfo/ImportedModules/Module/Name';
    const both = file({ FileName: 'a', 'PEInfo/ImportedModules/Module/Name': ['x.dll', 'y.dll'] });
    expect(matched(text(imports, 'y.dll'), both)).to.equal(1);
    expect(matched(all(text('FileItem/FileName', 'a'), not(text(imports, 'y.dll'))), both)).to.equal(0);
    expect(matched(all(text('FileItem/FileName', 'a'), not(text(imports, 'z.dll'))), both)).to.equal(1);
  });

  it('negation alone finds nothing', () => {
    const without = not(text('FileItem/FileName', 'good'));
    expect(matched(without, file({ FileName: 'evil' }))).to.equal(0);
    // Beside one that does not hold neither.
    expect(matched(any(without, text('FileItem/FilePath', '/x')), file({ FileName: 'evil' }))).to.equal(0);
    expect(matched(any(without, text('FileItem/FileName', 'evil')), file({ FileName: 'evil' }))).to.equal(1);
  });

  it('a property that the item does not have holds neither way', () => {
    const named = text('FileItem/FileName', 'evil');
    const owner = text('FileItem/Username', 'root');
    expect(matched(all(named, not(owner)), file({ FileName: 'evil' }))).to.equal(0);
    expect(matched(all(named, not(owner)), file({ FileName: 'evil', Username: 'alice' }))).to.equal(1);
  });

  it('a term that can mean nothing, an empty group and a disabled kind never hold', () => {
    const evil = file({ FileName: 'evil' });
    const named = text('FileItem/FileName', 'evil');
    expect(matched(all(named, term('FileItem/FileName', { kind: 'never' })), evil)).to.equal(0);
    expect(matched(all(named, all()), evil)).to.equal(0);
    expect(matched(all(named), evil)).to.equal(1);
    expect(scan([named], [evil], ['FileItem']).matches).to.have.length(0);
  });

  it('a tree of any depth is worked out', () => {
    let deep: IocNode = text('FileItem/FileName', 'evil');
    for (let depth = 0; depth < 20_000; depth++) deep = depth % 2 ? all(deep) : any(deep);
    expect(matched(deep, file({ FileName: 'evil' }))).to.equal(1);
    expect(matched(deep, file({ FileName: 'good' }))).to.equal(0);
  });
});

describe('documents that ask for several kinds of items', () => {
  const key = (path: string): Item => item('RegistryItem', { Path: path });
  const run = item('ProcessItem', { pid: 7, startTime: 5000, name: 'evil' });
  const asksKey = text('RegistryItem/Path', 'HKLM\\Run\\Evil');
  const asksProcess = text('ProcessItem/name', 'evil');
  const asksFile = text('FileItem/FileName', 'evil.exe');

  it('match across the device, led by the file, with the process that takes part', () => {
    const { matches } = scan(
      [all(asksKey, asksProcess, asksFile)],
      [key('HKLM\\Run\\Evil'), run, file({ FileName: 'evil.exe' })],
    );
    expect(matches).to.have.length(1);
    expect(matches[0]?.items.map(({ itemType }) => itemType)).to.have.members([
      'FileItem',
      'ProcessItem',
      'RegistryItem',
    ]);
    expect(matches[0]).to.include({ file: '/opt/evil.exe' });
    expect(matches[0]?.process).to.deep.equal({ pid: 7, startTime: 5000 });
  });

  it('do not match while one kind is missing', () => {
    const root = all(asksKey, asksProcess, asksFile);
    expect(matched(root, key('HKLM\\Run\\Evil'), file({ FileName: 'evil.exe' }))).to.equal(0);
    expect(matched(root, key('HKLM\\Run\\Other'), run, file({ FileName: 'evil.exe' }))).to.equal(0);
  });

  it('match once for each file that takes part, and with no items that do not', () => {
    const { matches } = scan(
      [any(all(asksKey, asksFile), asksProcess)],
      [
        key('HKLM\\Run\\Evil'),
        run,
        file({ FullPath: '/a/evil.exe', FileName: 'evil.exe' }),
        file({ FullPath: '/b/evil.exe', FileName: 'evil.exe' }),
      ],
    );
    const leading = matches.map(({ items }) => items.map(({ itemType }) => itemType));
    expect(leading).to.deep.equal([
      ['ProcessItem'],
      ['FileItem', 'RegistryItem'],
      ['FileItem', 'RegistryItem'],
    ]);
    expect(new Set(matches.map((match) => match.key)).size).to.equal(3);
  });

  it('find the one combination among many items', () => {
    const both = all(
      text('RegistryItem/Path', 'k', 'starts-with'),
      text('RegistryItem/Value', 'v7'),
      asksFile,
    );
    const keys = Array.from({ length: 2000 }, (_, at) =>
      item('RegistryItem', { Path: `k${at}`, Value: `v${at}` }),
    );
    const { matches, problems } = scan([both], [...keys, file({ FileName: 'evil.exe' })]);
    expect(problems).to.deep.equal([]);
    expect(matches[0]?.items[1]?.fields).to.deep.include({ term: 'RegistryItem/Path', value: 'k7' });
  });

  it('take no more than their share where combinations are many and trees large, and say so', () => {
    const word = (at: number): string => `w${at}.`;
    const numbers = Array.from({ length: 60 }, (_, at) => at);
    const kinds = ['EventLogItem/message', 'ServiceItem/arguments', 'ProcessItem/arguments'];
    const root = all(
      text('FileItem/FileName', 'evil', 'contains'),
      ...numbers.map((at) => any(...kinds.map((kind) => text(kind, word(at), 'contains')))),
      any(...Array.from({ length: 10_000 }, (_, at) => text('FileItem/FileName', `${at}`, 'contains'))),
    );
    let state = 1;
    const some = (): string =>
      numbers
        .filter(() => (state = (state * 48271) % 0x7fffffff) % 2 === 0)
        .map(word)
        .join('');
    const others = numbers.flatMap((at) => [
      item('EventLogItem', { index: at, message: some() }),
      item('ServiceItem', { name: `${at}`, arguments: some() }),
      item('ProcessItem', { pid: at, arguments: some() }),
    ]);
    const files = Array.from({ length: 200 }, (_, at) =>
      file({ FullPath: `/evil${at}`, FileName: `evil${at}` }),
    );
    const plain = text('FileItem/FileName', 'evil7');
    const begun = performance.now();
    const { matches, problems } = scan([root, plain], [...others, ...files]);
    // Without a bound it would be minutes.
    expect(performance.now() - begun).to.be.lessThan(15_000);
    expect(problems).to.include('it has too many combinations of items; not all of them were tried');
    expect(matches.filter(({ documentId }) => documentId === 'd1')).to.have.length(1);
  });

  it('say it when too many different items hold a part', () => {
    const letters = 'abcdefghijklm'.split('');
    const values = letters.map((letter) => text('RegistryItem/Value', letter, 'contains'));
    const keys = Array.from({ length: 2 ** 13 }, (_, bits) =>
      item('RegistryItem', {
        Path: `${bits}`,
        Value: letters.filter((_letter, at) => bits & (1 << at)).join('') || '-',
      }),
    ).filter(({ values: v }) => String(v.get('RegistryItem/Value')?.[0]).length === 6);
    const { problems } = scan([all(...values, asksFile)], keys);
    expect(problems.join()).to.contain('too many different items');
  });
});

describe('what is told of a match', () => {
  it('only the branches that held, with what was asked and what was found', () => {
    const root = any(
      all(text('FileItem/FileName', 'nothing'), hash('FileItem/Md5sum', MD5)),
      all(text('FileItem/FileName', 'evil'), not(text('FileItem/FullPath', '/usr', 'starts-with'))),
    );
    const { matches } = scan([root], [file({ FileName: 'EVIL', Modified: 0 })]);
    const nodes = matches[0]?.nodes.map(({ depth, node }) => [depth, node?.$case, { ...node?.value }]);
    expect(nodes).to.deep.equal([
      [0, 'group', { operator: 'OR' }],
      [1, 'group', { operator: 'AND' }],
      [2, 'term', { term: 'FileItem/FileName', condition: 'is', content: 'evil', value: 'EVIL' }],
      [2, 'term', { term: 'FileItem/FullPath', condition: 'not starts-with', content: '/usr', value: '' }],
    ]);
    expect(matches[0]?.items[0]?.fields).to.deep.include({
      term: 'FileItem/Modified',
      value: '1970-01-01T00:00:00.000Z',
    });
  });

  it('within its limits', () => {
    const names: IocTerm[] = Array.from({ length: 300 }, () => text('FileItem/FileName', 'evil'));
    const { matches } = scan([all(...names)], [file({ FileName: 'evil', Username: 'x'.repeat(5000) })]);
    expect(matches[0]?.nodes).to.have.length(200);
    expect(matches[0]?.nodesOmitted).to.equal(101);
    expect(
      matches[0]?.items[0]?.fields.find(({ term: name }) => name.endsWith('Username'))?.value,
    ).to.have.length(1024);
  });

  it('the same key for the same document and item, whatever else of the item changes', () => {
    const keyOf = (root: IocNode, ...items: Item[]): string | undefined =>
      scan([root], items).matches[0]?.key;
    const root = text('FileItem/FileName', 'evil');
    expect(keyOf(root, file({ FileName: 'evil', Accessed: 1 }))).to.equal(
      keyOf(root, file({ FileName: 'evil', Accessed: 2 })),
    );
    expect(keyOf(root, file({ FileName: 'evil' }))).not.to.equal(
      keyOf(root, file({ FullPath: '/other', FileName: 'evil' })),
    );
  });
});
