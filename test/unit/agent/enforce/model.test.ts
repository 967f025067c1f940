import { expect } from 'chai';
import { flowAddress } from '../../../../agent/enforce/matching.js';
import { judge, type Packet, type Transport } from '../../../../agent/enforce/model.js';
import { compilePlan, type Plan } from '../../../../agent/enforce/plan.js';
import type { Exclusion } from '../../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../../shared/gen/cordon/v1/isolation.js';

const NONE = { syn: false, ack: false, fin: false, rst: false };
const SYN = { ...NONE, syn: true };
const ACK = { ...NONE, ack: true };

function plan(exclusions: Partial<Exclusion>[] = []): Plan {
  return compilePlan({
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({ exclusions }),
    serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
    resolvedHosts: new Map(),
    expiresInMs: undefined,
  });
}

function packet(way: 'in' | 'out', transport: Transport, more: Partial<Packet> = {}): Packet {
  const local = flowAddress('192.0.2.11');
  const remote = flowAddress('192.0.2.1');
  if (!local || !remote) throw new Error('no addresses');
  const openedBy = way === 'out' ? 'this-computer' : 'other-side';
  return {
    way,
    local,
    remote,
    transport,
    loopback: false,
    openedBy,
    isAgents: false,
    belongsTo: () => false,
    ...more,
  };
}

/** Section of docs/security.md by which a packet passes, or `block`. */
function verdict(of: Plan | undefined, one: Packet): string {
  const said = judge(of, one);
  return said.kind === 'block' ? 'block' : said.by.section;
}

const tcp = (flags: typeof NONE, remotePort = 443): Transport => ({
  protocol: 'tcp',
  localPort: 40_000,
  remotePort,
  flags,
});
const udp: Transport = { protocol: 'udp', localPort: 40_000, remotePort: 53 };

describe('the model of verdicts', () => {
  for (const [title, one, wanted] of [
    ['blocks what opens a connection', packet('out', tcp(SYN)), 'block'],
    ['blocks the rest of a connection', packet('in', tcp(ACK)), 'block'],
    ['lets resets out', packet('out', tcp({ ...NONE, rst: true, ack: true })), 'reset'],
    ['lets no reset in', packet('in', tcp({ ...NONE, rst: true })), 'block'],
    [
      'lets no reset out that opens or ends too',
      packet('out', tcp({ ...NONE, rst: true, syn: true })),
      'block',
    ],
    ['blocks UDP', packet('out', udp), 'block'],
    ['leaves loopback alone', packet('out', udp, { loopback: true }), 'loopback'],
    ['answers pings', packet('out', { protocol: 'icmp', type: 0 }), 'icmp'],
    ['sends no ping', packet('out', { protocol: 'icmp', type: 8 }), 'block'],
    ['takes pings', packet('in', { protocol: 'icmp', type: 8 }), 'icmp'],
    ['takes no ICMPv6 over IPv4', packet('in', { protocol: 'icmpv6', type: 128 }), 'block'],
    ['lets the agent reach its server', packet('out', tcp(SYN, 7443), { isAgents: true }), 'own-channel'],
    ['lets nobody else reach it', packet('out', tcp(SYN, 7443)), 'block'],
    ['takes what the server answers', packet('in', tcp({ ...SYN, ack: true }, 7443)), 'own-channel'],
    ['takes no connection from the port of the server', packet('in', tcp(SYN, 7443)), 'block'],
  ] as const) {
    it(title, () => {
      expect(verdict(plan(), one)).to.equal(wanted);
      expect(verdict(undefined, one)).to.equal('not-isolated');
    });
  }

  it('names the exclusion that lets a packet pass', () => {
    const queries = plan([
      { name: 'queries', direction: 2, protocol: 17, remotePorts: [{ first: 53, last: 53 }] },
    ]);
    expect(judge(queries, packet('out', udp))).to.deep.equal({
      kind: 'accept',
      by: { section: 'exclusion', name: 'queries' },
    });
    expect(verdict(queries, packet('in', udp)), 'opened by the other side').to.equal('block');
    expect(verdict(queries, packet('in', udp, { openedBy: 'this-computer' })), 'its answer').to.equal(
      'exclusion',
    );
    expect(verdict(queries, packet('in', udp, { openedBy: 'unknown' })), 'not tracked').to.equal('block');
  });

  it('takes a TCP packet that opens nothing as part of a connection of either side', () => {
    const out = plan([{ name: 'out', direction: 2, protocol: 6, remotePorts: [{ first: 443, last: 443 }] }]);
    expect(verdict(out, packet('in', tcp(ACK)))).to.equal('exclusion');
    expect(verdict(out, packet('in', tcp(SYN)))).to.equal('block');
  });

  it('asks for the program with the side that opened', () => {
    const application = { target: { $case: 'cgroup' as const, value: 'a' } };
    const own = plan([{ name: 'own', application }]);
    const belongsTo: Packet['belongsTo'] = (_, openedBy) => openedBy === 'this-computer';
    expect(verdict(own, packet('out', udp, { belongsTo }))).to.equal('exclusion');
    expect(verdict(own, packet('in', udp, { belongsTo }))).to.equal('block');
    expect(verdict(own, packet('out', udp))).to.equal('block');
  });
});
