import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Detections } from '../../../../agent/local/detections.js';
import { CordonError } from '../../../../shared/errors.js';
import type { DetectionFound } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { IsolationMode } from '../../../../shared/gen/cordon/v1/isolation.js';
import { OwnerSite, silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { desired, isolate, ISOLATION, settings } from '../../../fakes/isolation.js';

describe('a detection of another tool', () => {
  let clock: FakeClock;
  let site: OwnerSite;
  let detections: Detections;

  beforeEach(async () => {
    clock = new FakeClock();
    site = new OwnerSite(clock);
    await site.owner.start();
    detections = new Detections({
      clock,
      log: silent,
      owner: site.owner,
      tell: (event) => site.events.push(event),
    });
  });
  afterEach(() => site.owner.stop());

  /** Isolation that it started, or the code of the refusal. */
  async function report(
    source = 'scanner',
    ruleId = 'rule-7',
    detailsJson = '{"file":"/x"}',
  ): Promise<string | status> {
    try {
      return await detections.report({ source, ruleId, detailsJson });
    } catch (error) {
      if (!(error instanceof CordonError)) throw error;
      return error.code;
    }
  }

  const found = (): DetectionFound[] =>
    site.events.flatMap((event) => (event.$case === 'detectionFound' ? [event.value] : []));

  const trust = (...trustedDetectors: string[]): Parameters<typeof desired>[2] => ({
    automaticSettings: settings(),
    trustedDetectors,
  });

  it('isolates where the policy lists the tool, and says who found what', async () => {
    await site.owner.handle(desired(1n, undefined, trust('scanner')), site.now());
    const id = await report();
    expect(id).to.be.a('string').with.length(36);
    expect(site.owner.observed()).to.include({
      isolationId: id,
      mode: IsolationMode.ISOLATION_MODE_AUTOMATIC,
      requestedBy: 'scanner',
      reason: 'detected by scanner: rule rule-7',
    });
    expect(found()).to.deep.equal([
      {
        source: 'scanner',
        ruleId: 'rule-7',
        detailsJson: '{"file":"/x"}',
        isolationId: id,
        iocMatch: undefined,
        responses: [],
      },
    ]);
  });

  it('is recorded and changes nothing else while the device is isolated (seed)', async () => {
    await site.owner.handle(desired(1n, isolate(), trust('scanner')), site.now());
    const before = site.enforcer.history.length;
    expect(await report()).to.equal('');
    expect(site.owner.observed().isolationId).to.equal(ISOLATION);
    expect(site.enforcer.history).to.have.length(before);
    expect(found()).to.have.length(1);
  });

  it('is recorded where automatic isolation is off', async () => {
    await site.owner.handle(desired(1n, undefined, { trustedDetectors: ['scanner'] }), site.now());
    expect(await report()).to.equal('');
    expect(site.owner.isolated).to.equal(false);
    expect(found()).to.have.length(1);
  });

  it('is recorded and refused where the policy does not list the tool, or nothing was received yet', async () => {
    expect(await report()).to.equal(status.PERMISSION_DENIED);
    await site.owner.handle(desired(1n, undefined, trust('Scanner', 'other')), site.now());
    expect(await report()).to.equal(status.PERMISSION_DENIED);
    expect(site.owner.isolated).to.equal(false);
    expect(found().map(({ isolationId }) => isolationId)).to.deep.equal(['', '']);
  });

  for (const [what, source, rule, details] of [
    ['no source', '', 'r', ''],
    ['a long source', 'x'.repeat(65), 'r', ''],
    ['the name of the own detector', 'ioc-scan', 'r', ''],
    ['the name of the own detector in capitals', 'IOC-Scan', 'r', ''],
    ['a source that moves the cursor', 'a\x1b[2J', 'r', ''],
    ['no rule', 's', '', ''],
    ['a long rule', 's', 'x'.repeat(257), ''],
    ['details that are no JSON', 's', 'r', '{'],
    ['details that are no object', 's', 'r', '[1]'],
    ['details that are null', 's', 'r', 'null'],
    ['too many details', 's', 'r', `{"a":"${'x'.repeat(65_536)}"}`],
  ] as const) {
    it(`is not taken with ${what}`, async () => {
      await site.owner.handle(desired(1n, undefined, trust('s', 'ioc-scan', 'IOC-Scan')), site.now());
      expect(await report(source, rule, details)).to.equal(status.INVALID_ARGUMENT);
      expect(found()).to.deep.equal([]);
      expect(site.owner.isolated).to.equal(false);
    });
  }

  it('may come without details', async () => {
    await site.owner.handle(desired(1n, undefined, trust('scanner')), site.now());
    expect(await report('scanner', 'r', '')).to.have.length(36);
  });

  it('of a tool that talks without end does not fill the outbox, nor keep a trusted one from being heard', async () => {
    await site.owner.handle(desired(1n, undefined, trust('scanner')), site.now());
    for (let round = 0; round < 60; round++) await report('noisy');
    expect(await report('noisy')).to.equal(status.RESOURCE_EXHAUSTED);
    expect(found()).to.have.length(60);
    expect(await report('scanner')).to.have.length(36);
    clock.advance(10_000);
    expect(await report('noisy')).to.equal(status.PERMISSION_DENIED);
  });
});
