import { expect } from 'chai';
import { allows, isLocal, type ConnectionFacts } from '../../../../../agent/enforce/connections/allows.js';
import { compilePlan } from '../../../../../agent/enforce/plan.js';
import type { Exclusion } from '../../../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../../../shared/gen/cordon/v1/isolation.js';
import { Connection } from '../../../../../shared/gen/cordon/v1/network.js';

const connection = Connection.fromPartial({
  protocol: 1,
  localAddress: '10.0.0.1',
  localPort: 40000,
  remoteAddress: '192.0.2.1',
  remotePort: 7443,
  state: 'ESTAB',
});
const facts: ConnectionFacts = { openedBy: 'this-computer', isAgents: false, belongsTo: () => false };

function allowed(exclusions: Partial<Exclusion>[], more: Partial<ConnectionFacts> = {}): boolean {
  const plan = compilePlan({
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({ exclusions }),
    serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
    resolvedHosts: new Map(),
    expiresInMs: undefined,
  });
  return allows(plan, connection, { ...facts, ...more });
}

describe('which connections a plan allows', () => {
  it("allows the agent's own connection to its server, and nobody else's", () => {
    expect(allowed([], { isAgents: true })).to.equal(true);
    expect(allowed([])).to.equal(false);
  });

  it('looks at who opened the connection', () => {
    const outbound = [{ direction: 2, remoteAddresses: ['192.0.2.0/24'] }];
    expect(allowed(outbound)).to.equal(true);
    expect(allowed(outbound, { openedBy: 'other-side' })).to.equal(false);
  });

  for (const [title, exclusion, verdict] of [
    ['its protocol', { protocol: 6 }, true],
    ['another protocol', { protocol: 17 }, false],
    ['a range with its port', { protocol: 6, remotePorts: [{ first: 7000, last: 8000 }] }, true],
    ['another port', { protocol: 6, remotePorts: [{ first: 1, last: 7442 }] }, false],
    ['another local port', { protocol: 6, localPorts: [{ first: 22, last: 22 }] }, false],
    ['its local address', { localAddresses: ['10.0.0.0-10.0.0.9'] }, true],
    ['another local address', { localAddresses: ['10.0.0.2'] }, false],
    ['an address of the other version', { remoteAddresses: ['2001:db8::1'] }, false],
  ] as const) {
    it(`${verdict ? 'allows' : 'refuses'} it for ${title}`, () => {
      expect(allowed([exclusion as unknown as Partial<Exclusion>])).to.equal(verdict);
    });
  }

  it('allows a program only what belongs to it', () => {
    const rule = [{ application: { target: { $case: 'cgroup' as const, value: 'a' } } }];
    expect(allowed(rule)).to.equal(false);
    expect(allowed(rule, { belongsTo: () => true })).to.equal(true);
  });

  it('takes connections between addresses of this computer as local', () => {
    const own = new Set(['10.0.0.1', '10.0.0.2']);
    expect(isLocal({ ...connection, remoteAddress: '127.0.0.1' }, own)).to.equal(true);
    expect(isLocal({ ...connection, remoteAddress: '10.0.0.2' }, own)).to.equal(true);
    expect(isLocal(connection, own)).to.equal(false);
  });
});
