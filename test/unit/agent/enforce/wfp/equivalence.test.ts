import { expect } from 'chai';
import { judge } from '../../../../../agent/enforce/model.js';
import { renderPlan } from '../../../../../agent/enforce/nftables/render.js';
import { arbitrate, candidates } from '../../../../../agent/enforce/wfp/arbitration.js';
import { classify } from '../../../../../agent/enforce/wfp/classify.js';
import { filtersOf } from '../../../../../agent/enforce/wfp/filters.js';
import { SUBLAYER } from '../../../../../agent/enforce/wfp/own-objects.js';
import { validateExclusions } from '../../../../../shared/exclusions/validate.js';
import { verdictOf } from '../../../../nft-model/evaluate.js';
import { parseRuleset } from '../../../../nft-model/parse.js';
import { differenceOf, DIFFERENCES } from '../../../../vectors/differences.js';
import { LINUX, OWNERS, packetOn, WINDOWS, type Probe } from '../../../../vectors/scene.js';
import { flowOf, processOf, type Vector } from '../../../../vectors/vector.js';
import { cases, vectors } from '../../../../vectors/vectors.js';

/** CORDON_MODEL_SETS and CORDON_MODEL_SEED ask for more plans and for others. */
const SETS = Number(process.env['CORDON_MODEL_SETS'] ?? 300);
const SEED = Number(process.env['CORDON_MODEL_SEED'] ?? 20_240_611);
const PAIRS = 2000;

describe('one plan on both platforms', () => {
  it(`gives the verdicts of the model for ${SETS} random plans and 16 packets each`, function () {
    this.timeout(120_000);
    const counts = { accepted: 0, blocked: 0, differing: 0 };
    const met = new Set<string>();
    for (const [index, { plan, exclusions, probes }] of cases(SETS, SEED).entries()) {
      expect(validateExclusions(exclusions, 'list'), `set ${index}`).to.deep.equal([]);
      const wfp = candidates(filtersOf(plan, WINDOWS).filters);
      const nft = parseRuleset(renderPlan(plan, LINUX).text);
      for (const probe of probes) {
        const what = `seed ${SEED}, set ${index}: ${JSON.stringify(probe)} under ${JSON.stringify(plan.rules)}`;
        const onLinux = packetOn('linux', probe);
        // A packet that comes in belongs to no socket yet.
        const cgroup = probe.way === 'out' ? OWNERS[probe.owner].cgroup : undefined;
        expect(verdictOf(nft, onLinux, { cgroup }), `nftables, ${what}`).to.equal(judge(plan, onLinux).kind);

        const onWindows = packetOn('windows', probe);
        const difference = differenceOf(onWindows);
        const seen = classify(onWindows, processOf(probe));
        if (difference !== undefined && !onWindows.loopback) {
          counts.differing += 1;
          met.add(difference.title);
          continue;
        }
        if (seen.kind === 'not-seen') {
          expect(difference, `not seen, and not listed: ${what}`).not.to.equal(undefined);
          continue;
        }
        const wanted = judge(plan, onWindows).kind === 'accept' ? 'permit' : 'block';
        expect(arbitrate(wfp, [SUBLAYER], seen, 'run').kind, `WFP, ${what}`).to.equal(wanted);
        // What passes at boot, passes by the plan too.
        const atBoot = arbitrate(wfp, [SUBLAYER], seen, 'boot').kind;
        if (wanted === 'block') expect(atBoot, `at boot, ${what}`).to.equal('block');
        counts[wanted === 'permit' ? 'accepted' : 'blocked'] += 1;
      }
    }
    const compared = counts.accepted + counts.blocked;
    expect(compared).to.be.at.least(PAIRS);
    // Neither all nor nothing: the plans are worth their time.
    expect(counts.accepted / compared).to.be.within(0.2, 0.8);
    const listed = DIFFERENCES.filter(({ about }) => about !== undefined).map(({ title }) => title);
    expect([...met].sort(), 'differences that no packet met').to.deep.equal(listed.sort());
  });

  it('does not take types of ICMP for ports, even in a plan that validation would refuse', () => {
    const [first] = cases(1, SEED);
    if (!first) throw new Error('no case');
    const ports = [{ first: 0, last: 15 }];
    const rule = {
      name: 'ports without a protocol',
      inbound: true,
      outbound: true,
      protocol: undefined,
      localPorts: ports,
      remotePorts: [],
      localAddresses: [],
      remoteAddresses: [],
      application: undefined,
    };
    const plan = { ...first.plan, rules: [rule] };
    const wfp = candidates(filtersOf(plan, WINDOWS).filters);
    for (const [transport, wanted] of [
      [{ protocol: 'icmp', type: 10 }, 'block'],
      [{ protocol: 'other', number: 47 }, 'block'],
      [{ protocol: 'udp', localPort: 10, remotePort: 10 }, 'permit'],
    ] as const) {
      const probe: Probe = {
        way: 'out',
        local: '192.0.2.11',
        remote: '192.0.2.2',
        transport,
        loopback: false,
        owner: 'browser',
      };
      const packet = packetOn('windows', probe);
      const seen = classify(packet, processOf(probe));
      if (seen.kind === 'not-seen') throw new Error('not seen');
      expect(arbitrate(wfp, [SUBLAYER], seen, 'run').kind, JSON.stringify(probe)).to.equal(wanted);
      expect(judge(plan, packet).kind === 'accept').to.equal(wanted === 'permit');
    }
  });

  it('gives vectors that stay the same through JSON', () => {
    const made = vectors(40, SEED);
    const read = JSON.parse(JSON.stringify(made)) as Vector[];
    let flows = 0;
    for (const { plan, flows: own } of read) {
      const wfp = candidates(filtersOf(plan, WINDOWS).filters);
      for (const flow of own) {
        expect(arbitrate(wfp, [SUBLAYER], flowOf(flow), 'run').kind).to.equal(flow.verdict);
        flows += 1;
      }
    }
    expect(flows).to.be.greaterThan(150);
    expect(read).to.deep.equal(JSON.parse(JSON.stringify(vectors(40, SEED))));
  });
});
