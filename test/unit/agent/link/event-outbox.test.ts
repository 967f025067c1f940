import { appendFileSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EventOutbox, OUTBOX_LIMIT } from '../../../../agent/link/event-outbox.js';
import { DetectionFound, type AgentEvent } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const tamper = (detail: string): NonNullable<AgentEvent['event']> => ({
  $case: 'tamperDetected',
  value: { detail, restoredAt: undefined },
});
const refused: NonNullable<AgentEvent['event']> = {
  $case: 'releaseRefused',
  value: { user: 'u', detail: 'd' },
};

const detection: NonNullable<AgentEvent['event']> = {
  $case: 'detectionFound',
  value: DetectionFound.fromPartial({ source: 'ioc-scan' }),
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

  it('tells a detection that cannot be written down, and writes it down when it is reported again', () => {
    const outbox = open();
    let added = 0;
    outbox.additions.subscribe(() => (added += 1));
    // A folder in the place of the file: nothing can be written.
    mkdirSync(join(folder, 'events.log'));
    expect(() => outbox.addOnce('d1', 0, detection)).to.throw('EISDIR');
    expect(ids(outbox)).to.deep.equal(['d1']);
    expect(added).to.equal(1);
    rmdirSync(join(folder, 'events.log'));
    outbox.addOnce('d1', 0, detection);
    outbox.addOnce('d1', 0, detection);
    expect(ids(outbox)).to.deep.equal(['d1']);
    expect(ids(open())).to.deep.equal(['d1']);
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

  it('drops an event that only informs rather than one that matters for it', () => {
    const outbox = open();
    for (let n = 0; n < OUTBOX_LIMIT; n++) outbox.add(tamper(`${n}`));
    const before = ids(outbox);
    outbox.add(refused);
    expect(ids(outbox)).to.deep.equal(before);
    expect(outbox.dropped).to.equal(1n);
  });

  it('takes an event with an id of its own once: while it waits, when the server has it, and after a crash', () => {
    const outbox = open();
    outbox.addOnce('one', 1_000, detection);
    outbox.addOnce('one', 2_000, detection);
    expect(ids(outbox)).to.deep.equal(['one']);
    expect([...outbox.pending()][0]?.occurredAt).to.deep.include({ seconds: 1n });
    outbox.acknowledge(['one']);
    for (const each of [outbox, open()]) {
      each.addOnce('one', 3_000, detection);
      expect(ids(each)).to.deep.equal([]);
    }
    outbox.addOnce('two', 3_000, detection);
    expect(ids(open())).to.deep.equal(['two']);
  });

  it('remembers what the server has when the file is written anew', () => {
    const outbox = open();
    outbox.addOnce('one', 1_000, detection);
    outbox.acknowledge(['one']);
    for (let n = 0; n < 150; n++) {
      outbox.add(refused);
      outbox.acknowledge(ids(outbox));
    }
    const again = open();
    again.addOnce('one', 1_000, detection);
    expect(ids(again)).to.deep.equal([]);
  });

  it('has no more room for a detector that can wait when it is nearly full of what matters, until some is stored', () => {
    const outbox = open();
    let freed = 0;
    outbox.removals.subscribe(() => (freed += 1));
    for (let n = 0; n < OUTBOX_LIMIT - 50; n++) {
      expect(outbox.hasRoom).to.equal(true);
      outbox.add(tamper(`${n}`));
    }
    expect(outbox.hasRoom).to.equal(false);
    outbox.acknowledge(ids(outbox).slice(0, 1));
    expect([outbox.hasRoom, freed]).to.deep.equal([true, 1]);
  });
});
