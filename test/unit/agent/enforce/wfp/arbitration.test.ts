import { expect } from 'chai';
import {
  arbitrate,
  candidates,
  foundCandidates,
  type Arbitrated,
  type Candidate,
  type Classification,
  type Phase,
} from '../../../../../agent/enforce/wfp/arbitration.js';
import { protocolIs } from '../../../../../agent/enforce/wfp/conditions.js';
import { guid, LAYERS, type Guid } from '../../../../../agent/enforce/wfp/guids.js';
import type { Filter, FoundFilter, Weight } from '../../../../../agent/enforce/wfp/types.js';

const id = (number: number): Guid => guid(`00000000-0000-0000-0000-${`${number}`.padStart(12, '0')}`);
const [HIGH, MIDDLE, LOW] = [id(1), id(2), id(3)];
const SUBLAYERS = [
  { key: LOW, weight: 1 },
  { key: HIGH, weight: 0xffff },
  { key: MIDDLE, weight: 500 },
];
const FLOW: Classification = {
  layer: 'ALE_AUTH_CONNECT_V4',
  fields: new Map([['IP_PROTOCOL', { type: 'uint8', value: 6 }]]),
};
const klass = (value: number): Weight => ({ kind: 'class', value });

type Short = 'permit' | 'hard permit' | 'block';

function filter(sublayer: Guid, what: Short, more: Partial<Filter> = {}): Filter {
  return {
    key: id(9),
    provider: undefined,
    sublayer,
    layer: 'ALE_AUTH_CONNECT_V4',
    lifetime: 'persistent',
    weight: { kind: 'auto' },
    conditions: [],
    action: what === 'block' ? 'block' : 'permit',
    hard: what === 'hard permit',
    data: Buffer.alloc(0),
    name: what,
    description: '',
    ...more,
  };
}

function callout(sublayer: Guid, effectiveWeight = 1n, phase: Phase = 'run'): Candidate {
  const layer = LAYERS.ALE_AUTH_CONNECT_V4;
  return { kind: 'unknowable', name: 'a callout', layer, sublayer, phase, effectiveWeight };
}

function verdict(filters: readonly Filter[], phase: Phase = 'run', more: readonly Candidate[] = []): string {
  return told(arbitrate([...candidates(filters), ...more], SUBLAYERS, FLOW, phase));
}

function told(of: Arbitrated): string {
  if (of.kind === 'unknowable') return `unknowable: ${of.because.join(', ')}`;
  return `${of.hard ? 'hard ' : ''}${of.kind} by ${of.by ?? 'nobody'}`;
}

describe("WFP's arbitration", () => {
  it('permits where no filter matches', () => {
    expect(verdict([])).to.equal('permit by nobody');
    expect(verdict([filter(HIGH, 'block', { conditions: [protocolIs(17)] })])).to.equal('permit by nobody');
    expect(verdict([filter(HIGH, 'block', { layer: 'ALE_AUTH_CONNECT_V6' })])).to.equal('permit by nobody');
  });

  for (const [title, high, low, wanted] of [
    ['a lower block overrules a permit', 'permit', 'block', 'hard block by block'],
    ['a lower block does not overrule a hard permit', 'hard permit', 'block', 'hard permit by hard permit'],
    ['a lower permit overrules no block', 'block', 'permit', 'hard block by block'],
    ['a lower hard permit overrules no block', 'block', 'hard permit', 'hard block by block'],
    ['a lower hard permit makes a permit hard', 'permit', 'hard permit', 'hard permit by hard permit'],
    ['two permits stay one that can be overruled', 'permit', 'permit', 'permit by permit'],
  ] as const) {
    it(`across sublayers: ${title}`, () => {
      expect(verdict([filter(LOW, low), filter(HIGH, high)])).to.equal(wanted);
    });
  }

  it('asks all sublayers, from the highest weight to the lowest', () => {
    const [soft, hard, block] = [filter(HIGH, 'permit'), filter(MIDDLE, 'hard permit'), filter(LOW, 'block')];
    expect(verdict([block, hard, soft])).to.equal('hard permit by hard permit');
    expect(verdict([{ ...block, sublayer: MIDDLE }, { ...hard, sublayer: LOW }, soft])).to.equal(
      'hard block by block',
    );
  });

  it('lets the highest weight decide within a sublayer', () => {
    const above = filter(HIGH, 'permit', { weight: klass(11) });
    const below = filter(HIGH, 'block', { weight: klass(0) });
    expect(verdict([below, above])).to.equal('permit by permit');
    expect(verdict([{ ...below, weight: klass(12) }, above])).to.equal('hard block by block');
    const exact = filter(HIGH, 'block', { weight: { kind: 'exact', value: 12n << 60n } });
    expect(verdict([above, exact])).to.equal('hard block by block');
    // BFE takes weights of its own from the lowest sixteenth.
    expect(verdict([filter(HIGH, 'block'), { ...above, weight: klass(1) }])).to.equal('permit by permit');
  });

  it('does not say what filters of one weight class come to that contradict each other', () => {
    const both = [
      filter(HIGH, 'permit', { weight: klass(3), name: 'a' }),
      filter(HIGH, 'block', { weight: klass(3), name: 'b' }),
    ];
    expect(verdict(both)).to.equal('unknowable: a, b');
    const weighed = (low: bigint, high: bigint): Candidate[] =>
      both.map((one, at) => ({ kind: 'plain', filter: one, effectiveWeight: at === 0 ? low : high }));
    expect(verdict([], 'run', weighed(5n, 6n))).to.equal('hard block by b');
    expect(verdict([], 'run', weighed(6n, 5n))).to.equal('permit by a');
  });

  it('does not say which of two sublayers of one weight is asked first', () => {
    const equals = [
      { key: HIGH, weight: 0xffff },
      { key: LOW, weight: 0xffff },
    ];
    const all = candidates([
      filter(HIGH, 'block', { name: 'ours' }),
      filter(LOW, 'hard permit', { name: 'theirs' }),
    ]);
    expect(told(arbitrate(all, equals, FLOW, 'run'))).to.equal('unknowable: ours, theirs');
    const soft = candidates([
      filter(HIGH, 'block', { name: 'ours' }),
      filter(LOW, 'permit', { name: 'theirs' }),
    ]);
    expect(told(arbitrate(soft, equals, FLOW, 'run'))).to.equal('hard block by ours');
  });

  it('takes filters of boot time before BFE has started, and only those', () => {
    const atBoot = filter(HIGH, 'block', { lifetime: 'boot-time' });
    expect(verdict([atBoot], 'boot')).to.equal('hard block by block');
    expect(verdict([atBoot], 'run')).to.equal('permit by nobody');
    for (const lifetime of ['persistent', 'static'] as const) {
      expect(verdict([filter(HIGH, 'block', { lifetime })], 'boot')).to.equal('permit by nobody');
      expect(verdict([filter(HIGH, 'block', { lifetime })], 'run')).to.equal('hard block by block');
    }
  });

  it('names the callouts that it depends on, and only where it does', () => {
    const permit = filter(HIGH, 'permit');
    expect(verdict([permit], 'run', [callout(LOW)])).to.equal('unknowable: a callout');
    expect(verdict([filter(HIGH, 'block')], 'run', [callout(LOW)])).to.equal('hard block by block');
    // A callout is the one that can veto a hard permit, and overrule nothing from above it that has been blocked.
    expect(verdict([filter(HIGH, 'hard permit')], 'run', [callout(LOW)])).to.equal('unknowable: a callout');
    expect(verdict([filter(LOW, 'block')], 'run', [callout(HIGH)])).to.equal('unknowable: a callout');
    const heavy = filter(HIGH, 'block', { weight: klass(5) });
    expect(verdict([heavy], 'run', [callout(HIGH, 1n)]), 'below the filter that decides').to.equal(
      'hard block by block',
    );
    expect(verdict([heavy], 'run', [callout(HIGH, 6n << 60n)])).to.equal('unknowable: a callout');
    expect(verdict([permit], 'run', [callout(LOW, 1n, 'boot')])).to.equal('permit by permit');
  });

  it('takes what was read back, without what is disabled', () => {
    const found = (one: Filter | undefined, flags = 0): FoundFilter => ({
      filter: one,
      key: id(8),
      layer: LAYERS.ALE_AUTH_CONNECT_V4,
      sublayer: HIGH,
      provider: undefined,
      name: one?.name ?? 'a callout',
      flags,
      action: 0,
      id: 1n,
      effectiveWeight: 7n,
    });
    const of = (...all: FoundFilter[]): string =>
      told(arbitrate(foundCandidates(all), SUBLAYERS, FLOW, 'run'));
    expect(of(found(filter(HIGH, 'block')))).to.equal('hard block by block');
    expect(of(found(filter(HIGH, 'block'), 0x20))).to.equal('permit by nobody');
    expect(of(found(undefined))).to.equal('unknowable: a callout');
    expect(of(found(undefined, 2)), 'at boot only').to.equal('permit by nobody');
    const unusual = Buffer.alloc(20);
    const odd = filter(HIGH, 'block', {
      name: 'odd',
      conditions: [
        { field: 'ALE_USER_ID', match: 'equal', value: { type: 'security-descriptor', value: unusual } },
      ],
    });
    expect(of(found(odd)), 'a descriptor that is not understood').to.equal('unknowable: odd');
  });

  it('refuses a filter whose sublayer is not given', () => {
    expect(() => verdict([filter(id(7), 'block')])).to.throw(RangeError, 'sublayer');
  });
});
