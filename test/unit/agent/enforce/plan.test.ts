import { expect } from 'chai';
import { compilePlan, type PlanInput } from '../../../../agent/enforce/plan.js';
import { ExclusionDirection, type Exclusion } from '../../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../../shared/gen/cordon/v1/isolation.js';

type Exclusions = Partial<Exclusion>[];

function input(exclusions: Exclusions, more: Partial<PlanInput> = {}): PlanInput {
  return {
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({ exclusions }),
    serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
    resolvedHosts: new Map(),
    expiresInMs: undefined,
    ...more,
  };
}

describe('compiling a plan', () => {
  it('leaves disabled exclusions out', () => {
    const plan = compilePlan(input([{ name: 'on' }, { name: 'off', disabled: true }]));
    expect(plan.rules.map(({ name }) => name)).to.deep.equal(['on']);
  });

  it('takes an unspecified direction as both', () => {
    const [rule] = compilePlan(input([{ name: 'any' }])).rules;
    expect(rule).to.include({ inbound: true, outbound: true });
  });

  it('keeps a single direction single', () => {
    const plan = compilePlan(
      input([
        { name: 'in', direction: ExclusionDirection.EXCLUSION_DIRECTION_INBOUND },
        { name: 'out', direction: ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND },
      ]),
    );
    expect(plan.rules.map(({ inbound, outbound }) => [inbound, outbound])).to.deep.equal([
      [true, false],
      [false, true],
    ]);
  });

  it('puts every address of a host name into the rule', () => {
    const resolvedHosts = new Map([['time.example', ['192.0.2.9', '2001:db8::9']]]);
    const [rule] = compilePlan(
      input([{ name: 'time', remoteHost: 'time.example' }], { resolvedHosts }),
    ).rules;
    expect(rule?.remoteAddresses.map(({ text }) => text)).to.deep.equal(['192.0.2.9', '2001:db8::9']);
  });

  for (const [title, resolvedHosts] of [
    ['is missing', new Map<string, string[]>()],
    ['has no address', new Map([['gone.example', []]])],
  ] as const) {
    it(`reports a host name that ${title}, and makes no rule of it`, () => {
      const plan = compilePlan(input([{ name: 'gone', remoteHost: 'gone.example' }], { resolvedHosts }));
      expect(plan.rules).to.deep.equal([]);
      expect(plan.unresolved.map(({ name }) => name)).to.deep.equal(['gone']);
    });
  }

  it('gives one id whatever the deadline, and another when a rule, the server or the isolation differs', () => {
    const id = (exclusions: Exclusions, more?: Partial<PlanInput>): string =>
      compilePlan(input(exclusions, more)).planId;
    const base = id([{ name: 'a' }]);
    expect(base).to.match(/^[0-9a-f]{64}$/);
    expect(id([{ name: 'a' }], { expiresInMs: 5 })).to.equal(base);
    const others = [
      id([{ name: 'a', protocol: 6 }]),
      id([{ name: 'a', protocol: 0 }]),
      id([{ name: 'a', remotePorts: [{ first: 1, last: 2 }] }]),
      id([{ name: 'a', localPorts: [{ first: 1, last: 2 }] }]),
      id([{ name: 'a' }], { serverEndpoints: [{ address: '192.0.2.2', port: 7443 }] }),
      id([{ name: 'a' }], { isolationId: 'another' }),
    ];
    expect(new Set([base, ...others]).size).to.equal(others.length + 1);
  });
});
