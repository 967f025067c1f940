import { expect } from 'chai';
import { judge } from '../../../agent/enforce/model.js';
import { renderPlan } from '../../../agent/enforce/nftables/render.js';
import { compilePlan } from '../../../agent/enforce/plan.js';
import { ExclusionDirection } from '../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../shared/gen/cordon/v1/isolation.js';
import { verdictOf } from '../../nft-model/evaluate.js';
import { parseRuleset } from '../../nft-model/parse.js';
import { LINUX, OWNERS, packetOn, type Probe } from '../../vectors/scene.js';

const plan = compilePlan({
  isolationId: 'isolation',
  settings: IsolationSettings.fromPartial({
    exclusions: [
      {
        name: 'DNS',
        direction: ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND,
        protocol: 17,
        remotePorts: [{ first: 53, last: 54 }],
      },
      {
        name: 'clock',
        protocol: 17,
        application: { target: { $case: 'systemdUnit', value: 'clock.service' } },
      },
    ],
  }),
  serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
  resolvedHosts: new Map(),
  expiresInMs: 60_000,
});
const text = renderPlan(plan, LINUX).text;

const dns: Probe = {
  way: 'out',
  local: '192.0.2.11',
  remote: '192.0.2.2',
  transport: { protocol: 'udp', localPort: 4000, remotePort: 53 },
  loopback: false,
  owner: 'browser',
};

function verdict(of: string, probe: Probe): string {
  const cgroup = probe.way === 'out' ? OWNERS[probe.owner].cgroup : undefined;
  return verdictOf(parseRuleset(of), packetOn('linux', probe), { cgroup });
}

describe('the model of nftables', () => {
  it('gives the verdict of the text', () => {
    const udp = dns.transport as Extract<Probe['transport'], { protocol: 'udp' }>;
    expect(verdict(text, dns)).to.equal('accept');
    expect(verdict(text, { ...dns, way: 'in' })).to.equal('block');
    expect(verdict(text, { ...dns, transport: { ...udp, remotePort: 55 } })).to.equal('block');
    expect(verdict(text, { ...dns, transport: { ...udp, remotePort: 55 }, owner: 'clock' })).to.equal(
      'accept',
    );
    expect(judge(plan, packetOn('linux', dns)).kind).to.equal('accept');
  });

  it('follows a change of the text', () => {
    for (const [what, changed] of [
      ['the element of a set', text.replace('17 . 53-54', '17 . 54')],
      ['the way of a field', text.replace('meta l4proto . th dport @', 'meta l4proto . th sport @')],
      ['the direction', text.replace('ct direction original jump opened_here_out', '')],
      ['a verdict', text.replace('jump verdict_out', 'drop')],
    ] as const) {
      expect(changed, what).not.to.equal(text);
      expect(verdict(changed, dns), what).to.equal('block');
    }
    expect(
      verdict(text.replace('meta nfproto @hold jump verdict_out', ''), { ...dns, owner: 'printer' }),
    ).to.equal('accept');
  });

  for (const [title, changed] of [
    ['a statement', text.replace('iif "lo" accept', 'iif "lo" mark set 1 accept')],
    ['a kind of set', text.replace('type nf_proto; flags', 'type nf_proto; size 8; flags')],
    ['a range in a set of single values', text.replace(' flags interval;', '')],
    ['a type of ICMP', text.replace('echo-request,', 'ping,')],
    ['a chain type', text.replace('type filter hook input', 'type nat hook input')],
    ['a set', text.replaceAll('@hold', '@gone')],
    ['a chain', text.replaceAll('jump verdict_out', 'jump gone')],
  ] as const) {
    it(`fails on ${title} that it does not know`, () => {
      expect(changed).not.to.equal(text);
      expect(() => verdict(changed, dns)).to.throw(Error);
    });
  }
});
