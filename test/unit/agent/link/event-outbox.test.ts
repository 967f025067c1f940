import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EventOutbox, OUTBOX_LIMIT } from '../../../../agent/link/event-outbox.js';
import type { AgentEvent } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const tamper = (detail: string): NonNullable<AgentEvent['event']> => ({
  $case: 'tamperDetected',
  value: { detail, restoredAt: undefined },
});
const refused: NonNullable<AgentEvent['event']> = {
  $case: 'releaseRefused',
  value: { user: 'u', detail: 'd' },
};

describe('the event outbox', () => {
  let folder: string;
  const open = (): EventOutbox => new EventOutbox(folder, new FakeClock());
  const ids = (outbox: EventOutbox): string[] => [...outbox.pending()].map(({ id }) => id);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-outbox-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps events and their order across a crash', () => {
    const outbox = open();
    outbox.add(tamper('one'));
    outbox.add(tamper('two'));
    expect(ids(open())).to.deep.equal(ids(outbox));
  });

  it('forgets what is stored, also across a crash', () => {
    const outbox = open();
    outbox.add(tamper('one'));
    outbox.add(tamper('two'));
    outbox.acknowledge([ids(outbox)[0] ?? '', 'unknown']);
    expect(ids(open())).to.deep.equal(ids(outbox)).and.to.have.length(1);
  });

  it('survives a line that was torn by a crash, and goes on behind it', () => {
    const outbox = open();
    outbox.add(tamper('one'));
    appendFileSync(join(folder, 'events.log'), '{"put":"AAA');
    const again = open();
    again.add(tamper('two'));
    expect(ids(open())).to.have.length(2);
  });

  it('drops the oldest event that only informs when it is full, and counts it', () => {
    const outbox = open();
    outbox.add(tamper('kept'));
    outbox.add(refused);
    const [kept, dropped] = ids(outbox);
    for (let n = 2; n < OUTBOX_LIMIT; n++) outbox.add(tamper(`${n}`));
    expect(outbox.dropped).to.equal(0n);
    outbox.add(tamper('last'));
    expect(outbox.dropped).to.equal(1n);
    expect(ids(outbox)).to.have.length(OUTBOX_LIMIT).and.to.include(kept).and.to.not.include(dropped);
  });
});
