import { expect } from 'chai';
import fc from 'fast-check';
import { keptDetails } from '../../../../server/alerts/details.js';
import { keptDetection, titleOf } from '../../../../server/alerts/detection.js';
import { DetectionFound } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { IocMatch, ResponseOutcome } from '../../../../shared/gen/cordon/v1/ioc.js';
import { newId } from '../../../../shared/ids.js';

const LONG = 'x'.repeat(300_000);
const BOMB = '\u{1f4a3}';

/** Whatever a device says: parts of the message, as deep as need be. */
const kept = (said: object): DetectionFound => {
  const whole: object = { source: 'ioc-scan', ruleId: 'rule', ...said };
  return keptDetection(DetectionFound.fromPartial(whole));
};
const keptMatch = (said: object): IocMatch => {
  const { iocMatch } = kept({ iocMatch: said });
  if (!iocMatch) throw new Error('no match was kept');
  return iocMatch;
};
const term = (value: string): object => ({
  depth: 1,
  node: { $case: 'term', value: { term: 'FileItem/Md5sum', condition: 'is', content: value, value } },
});

describe('what is kept of a detection', () => {
  it('is all of one that is as it should be', () => {
    const said: DetectionFound = {
      source: 'ioc-scan',
      ruleId: 'c32b8af6-28d0-47d3-801f-a2c2b0129650',
      detailsJson: '',
      isolationId: newId(),
      iocMatch: {
        documentHash: Buffer.alloc(32, 1),
        documentId: 'c32b8af6',
        documentName: 'EvilBunny \u00e4',
        taskId: newId(),
        commandId: newId(),
        items: [{ itemType: 'FileItem', fields: [{ term: 'FileItem/FullPath', value: '/tmp/a\nb' }] }],
        nodes: [
          { depth: 0, indicatorId: '', node: { $case: 'group', value: { operator: 'OR' } } },
          {
            depth: 1,
            indicatorId: 'i1',
            node: {
              $case: 'term',
              value: { term: 'FileItem/Md5sum', condition: 'is', content: 'c40e', value: 'C40E' },
            },
          },
        ],
        nodesOmitted: 3,
      },
      responses: [{ action: 1, state: 1, detail: 'isolated', quarantineId: '' }],
    };
    expect(keptDetection(said)).to.deep.equal(said);
    expect(titleOf(said)).to.equal('EvilBunny \u00e4');
  });

  it('is named by its rule where there is no document', () => {
    const edr = kept({ source: 'edr', detailsJson: '{"file":"a.exe"}', iocMatch: { documentName: 'x' } });
    expect(edr).to.include({ source: 'edr', detailsJson: '{"file":"a.exe"}', iocMatch: undefined });
    expect(titleOf(edr)).to.equal('rule');
    expect(titleOf(kept({ source: 'edr', ruleId: '' }))).to.equal('detection by edr');
    expect(kept({ source: '' }).source).to.equal('unknown');
  });

  for (const [field, said, longest] of [
    ['source', { source: LONG }, 64],
    ['ruleId', { ruleId: LONG }, 256],
    ['isolationId', { isolationId: 'not an id' }, 0],
  ] as const) {
    it(`bounds ${field}`, () => {
      expect(kept(said)[field]).to.have.lengthOf(longest);
    });
  }

  for (const [field, said, length] of [
    ['documentHash', { documentHash: Buffer.alloc(31) }, 0],
    ['documentId', { documentId: LONG }, 256],
    ['documentName', { documentName: LONG }, 256],
    ['taskId', { taskId: 'not an id' }, 0],
    ['commandId', { commandId: 'not an id' }, 0],
    ['items', { items: Array.from({ length: 17 }, () => ({ itemType: 'FileItem' })) }, 16],
    ['nodes', { nodes: Array.from({ length: 201 }, () => term('a')) }, 200],
  ] as const) {
    it(`bounds ${field} of a match`, () => {
      expect(keptMatch(said)[field]).to.have.lengthOf(length);
    });
  }

  it('bounds an item, a term and a group', () => {
    const fields = Array.from({ length: 65 }, () => ({ term: LONG, value: LONG }));
    const long = { term: LONG, condition: LONG, content: LONG, value: LONG };
    const match = keptMatch({
      items: [{ itemType: LONG, fields }],
      nodes: [
        { depth: 4_000_000_000, indicatorId: LONG, node: { $case: 'term', value: long } },
        { node: { $case: 'group', value: { operator: LONG } } },
        { depth: 1 },
      ],
    });
    expect(match.items[0]?.itemType).to.have.lengthOf(256);
    expect(match.items[0]?.fields).to.have.lengthOf(64);
    expect(match.items[0]?.fields[0]?.value).to.have.lengthOf(1024);
    expect(match.nodes).to.have.lengthOf(2);
    expect(match.nodes[0]).to.include({ depth: 200 });
    expect(match.nodes[0]?.node).to.deep.equal({
      $case: 'term',
      value: {
        term: LONG.slice(0, 256),
        condition: LONG.slice(0, 32),
        content: LONG.slice(0, 1024),
        value: LONG.slice(0, 1024),
      },
    });
    expect(match.nodesOmitted).to.equal(1);
  });

  it('counts the nodes that it leaves out, up to what the number holds', () => {
    const nodes = Array.from({ length: 203 }, () => term('a'));
    expect(keptMatch({ nodes, nodesOmitted: 4 }).nodesOmitted).to.equal(7);
    expect(keptMatch({ nodes, nodesOmitted: 0xffff_ffff }).nodesOmitted).to.equal(0xffff_ffff);
  });

  it('bounds the responses', () => {
    const one = ResponseOutcome.fromPartial({ detail: LONG, quarantineId: LONG });
    const { responses } = kept({ responses: Array.from({ length: 100 }, () => one) });
    expect(responses).to.have.lengthOf(16);
    expect(responses[0]?.detail).to.have.lengthOf(1000);
    expect(responses[0]?.quarantineId).to.have.lengthOf(64);
  });

  it('fits into a quarter of a mebibyte, shorter values first', () => {
    const value = BOMB.repeat(512);
    const fields = Array.from({ length: 64 }, () => ({ term: BOMB.repeat(128), value }));
    const most = keptMatch({
      items: Array.from({ length: 16 }, () => ({ itemType: 'FileItem', fields })),
      nodes: Array.from({ length: 200 }, () => term(value)),
    });
    expect(IocMatch.encode(most).finish().length).to.be.lessThan(256 * 1024 + 1);
    expect(most.nodes.length + most.nodesOmitted).to.equal(200);
    const tree = keptMatch({ nodes: Array.from({ length: 200 }, () => term(value)) });
    expect(tree.nodes).to.have.lengthOf(200);
  });

  it('has no name that moves the cursor of a terminal, and values as they are', () => {
    const hostile = 'a\u001b[2J\nb\u202e';
    const match = keptMatch({ documentName: hostile, nodes: [term(hostile)] });
    expect(match.documentName).to.equal('a?[2J b?');
    expect(match.nodes[0]?.node?.value).to.include({ value: hostile });
    expect(kept({ source: hostile, ruleId: hostile })).to.include({ source: 'a?[2J b?', ruleId: 'a?[2J b?' });
  });

  it('never ends in half a character', () => {
    expect(kept({ ruleId: `x${BOMB.repeat(200)}` }).ruleId).to.equal(`x${BOMB.repeat(127)}`);
  });
});

describe('what is kept of the details of a detection', () => {
  for (const said of ['', '{}', '{"a":[1,{"b":"[[[["}]}', `{"a":"${'x'.repeat(60_000)}"}`]) {
    it(`is all of ${said.slice(0, 30)}`, () => {
      expect(keptDetails(said)).to.equal(said);
    });
  }

  for (const [said, problem] of [
    ['[1]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{"a":', 'not a JSON object'],
    ['not json', 'not a JSON object'],
    [`{"a":"${'x'.repeat(66_000)}"}`, 'longer than 64 KiB'],
    [`{"a":${'['.repeat(64)}${']'.repeat(64)}}`, 'more than 64 levels of lists and objects'],
    ['['.repeat(65_000), 'more than 64 levels of lists and objects'],
  ] as const) {
    it(`says what is wrong with ${said.slice(0, 20)}, and begins with it`, () => {
      expect(JSON.parse(keptDetails(said))).to.deep.equal({ problem, start: said.slice(0, 1000) });
    });
  }

  it('is empty or a small JSON object, whatever is said, at once', () => {
    const started = performance.now();
    keptDetails('"\\'.repeat(32_000));
    keptDetails('"'.repeat(65_535));
    expect(performance.now() - started).to.be.lessThan(500);
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (said) => {
        const text = keptDetails(said);
        if (text !== '') expect(JSON.parse(text)).to.be.an('object');
      }),
      { numRuns: 50 },
    );
  });
});
