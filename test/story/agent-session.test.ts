import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandJournal } from '../../agent/commands/journal.js';
import { CommandRunner } from '../../agent/commands/runner.js';
import { knownWork } from '../../agent/commands/work.js';
import { EventOutbox } from '../../agent/link/event-outbox.js';
import { Session, type SessionEnd } from '../../agent/link/session.js';
import { StreamError } from '../../agent/link/transport.js';
import type { ConnectRequest } from '../../shared/gen/cordon/v1/agent_service.js';
import { ApplyStatus, CommandOrder, Hello } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { IsolationState, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { OwnerSite, settled, silent } from '../fakes/agent-owner.js';
import { AgentTransport } from '../fakes/agent-transport.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { desired, ISOLATION, isolate, OTHER_ISOLATION, release } from '../fakes/isolation.js';

const COMMAND = '018f0000-0000-7000-8000-0000000000c1';

describe('the story of one stream, told by the agent', () => {
  let clock: FakeClock;
  let site: OwnerSite;
  let folder: string;
  let events: EventOutbox;
  let commands: CommandRunner;
  let transport: AgentTransport;
  let session: Session;
  let certificates: { der: Buffer; error: string }[];
  /** SHA-256 of documents that are missing, hex. */
  let missing: Set<string>;
  let documents: { hash: string; content?: string; error?: string }[];

  beforeEach(async () => {
    clock = new FakeClock();
    site = new OwnerSite(clock);
    await site.owner.start();
    folder = mkdtempSync(join(tmpdir(), 'cordon-agent-story-'));
    events = new EventOutbox(folder, clock);
    commands = makeCommands();
    certificates = [];
    missing = new Set();
    documents = [];
    open();
  });
  afterEach(async () => {
    session.close('the test is over');
    await site.owner.stop();
    rmSync(folder, { recursive: true });
  });

  function makeCommands(): CommandRunner {
    const work = knownWork(site.owner, site.enforcer);
    return new CommandRunner(new CommandJournal(folder, clock), work, clock, () => clock.wall(), silent);
  }

  /** A new stream of the same agent. */
  function open(): void {
    transport = new AgentTransport();
    session = new Session(transport, {
      clock,
      random: () => 0.5,
      log: silent,
      now: () => site.now(),
      owner: site.owner,
      commands,
      events,
      documents: {
        missing: () => [...missing],
        take: (hash, content) => {
          missing.delete(hash);
          documents.push({ hash, content: content.toString() });
        },
        refuse: (hash, error) => {
          missing.delete(hash);
          documents.push({ hash, error });
        },
      },
      hello: () => Hello.fromPartial({ deviceId: 'd', observed: site.owner.observed() }),
      welcomed: () => undefined,
      certificate: (der, error) => certificates.push({ der, error }),
    });
  }

  const say = (state: ReturnType<typeof desired>): void =>
    transport.reply({ $case: 'desiredState', value: state });
  const lost = async (): Promise<Extract<SessionEnd, { kind: 'lost' }>> => {
    const end = await session.ended;
    if (end.kind !== 'lost') throw new Error(`the stream was not lost but ${end.kind}`);
    return end;
  };

  it('begins with Hello, and with nothing else until Welcome', async () => {
    events.add({ $case: 'tamperDetected', value: { detail: 'x', restoredAt: undefined } });
    expect(transport.said.map(({ seq, payload }) => [seq, payload?.$case])).to.deep.equal([[1n, 'hello']]);
    transport.welcome();
    await settled();
    expect(transport.said.map(({ seq, payload }) => [seq, payload?.$case])).to.deep.equal([
      [1n, 'hello'],
      [2n, 'event'],
    ]);
  });

  it('ends the stream and not the agent where a command cannot be written down', async () => {
    transport.welcome();
    // A folder in the place of the journal: nothing can be written.
    mkdirSync(join(folder, 'commands.log'));
    const spec = { work: { $case: 'selfTest' as const, value: {} } };
    transport.reply({ $case: 'command', value: CommandOrder.fromPartial({ id: COMMAND, spec }) });
    expect((await lost()).reason).to.contain('could not be handled');
    expect(transport.payloads('commandUpdate')).to.deep.equal([]);
    expect(commands.openIds()).to.deep.equal([]);
  });

  it('gives up on a server that does not say Welcome within 15 s', async () => {
    clock.advance(15_000);
    expect((await lost()).reason).to.contain('no Welcome');
    expect(transport.aborted).to.equal(true);
    expect(clock.pending).to.equal(0);
  });

  it('answers a desired state with its nonce once it is enforced', async () => {
    transport.welcome();
    say(desired(1n, isolate()));
    await settled();
    const [report] = transport.payloads('stateReport');
    expect(report).to.include({
      nonce: 10n,
      observedGeneration: 1n,
      status: ApplyStatus.APPLY_STATUS_APPLIED,
    });
    expect(report?.observed?.state).to.equal(IsolationState.ISOLATION_STATE_ISOLATED);
    expect(transport.payloads('stateReport')).to.have.length(1);
  });

  it('carries out one desired state at a time, and only the newest of those that wait', async () => {
    transport.welcome();
    say(desired(1n, isolate()));
    say(desired(2n, release()));
    say(desired(3n, isolate(OTHER_ISOLATION)));
    await settled();
    expect(transport.payloads('stateReport').map(({ nonce }) => nonce)).to.deep.equal([10n, 30n]);
    expect(site.enforcer.history.map((plan) => plan?.isolationId)).to.deep.equal([
      ISOLATION,
      OTHER_ISOLATION,
    ]);
  });

  it('refuses what is not valid, and says which field', async () => {
    transport.welcome();
    say({ ...desired(1n, isolate()), contentHash: Buffer.alloc(32) });
    await settled();
    const [report] = transport.payloads('stateReport');
    expect(report?.status).to.equal(ApplyStatus.APPLY_STATUS_REJECTED);
    expect(report?.violations.map(({ field }) => field)).to.deep.equal(['content_hash']);
  });

  it('reports a change that nobody asked for, and all of it when asked', async () => {
    transport.welcome();
    say(desired(1n, isolate()));
    await settled();
    clock.advance(60_000);
    await settled();
    const reports = transport.payloads('stateReport');
    expect(reports.at(-1)).to.include({ nonce: 0n, status: ApplyStatus.APPLY_STATUS_UNSPECIFIED });
    expect(reports.at(-1)?.observed?.state).to.equal(IsolationState.ISOLATION_STATE_RELEASED);
    transport.reply({ $case: 'reportFullState', value: {} });
    expect(transport.payloads('stateReport')).to.have.length(reports.length + 1);
  });

  it('beats after a random part of the interval first, and then on it, with hashes only', async () => {
    transport.welcome({ heartbeatInterval: toDuration(10_000) });
    clock.advance(4_999);
    expect(transport.payloads('heartbeat')).to.have.length(0);
    clock.advance(1);
    clock.advance(10_000);
    const [first, second] = transport.payloads('heartbeat');
    const hello = transport.payloads('hello')[0]?.observed ?? ObservedIsolation.fromPartial({});
    const hash = createHash('sha256').update(ObservedIsolation.encode(hello).finish()).digest();
    expect(first?.observedHash.equals(hash)).to.equal(true);
    expect(second).to.deep.equal(first);
    await settled();
  });

  it('keeps events until they are stored, and says them again on the next stream', async () => {
    events.add({ $case: 'tamperDetected', value: { detail: 'one', restoredAt: undefined } });
    transport.welcome();
    const [first] = transport.payloads('event');
    transport.messages.error(new StreamError('cut', false, ''));
    await lost();
    events = new EventOutbox(folder, clock);
    open();
    transport.welcome();
    expect(transport.payloads('event').map(({ id }) => id)).to.deep.equal([first?.id]);
    transport.reply({ $case: 'eventAck', value: { eventIds: [first?.id ?? ''] } });
    expect([...events.pending()]).to.deep.equal([]);
  });

  it('has no more unacknowledged events than the server allows', () => {
    for (let n = 0; n < 5; n++) events.add({ $case: 'releaseRefused', value: { user: 'u', detail: `${n}` } });
    transport.welcome({ eventCredit: 2 });
    const said = (): number => transport.payloads('event').length;
    expect(said()).to.equal(2);
    transport.reply({ $case: 'credit', value: { events: 1 } });
    expect(said()).to.equal(3);
    transport.reply({ $case: 'eventAck', value: { eventIds: [transport.payloads('event')[0]?.id ?? ''] } });
    expect(said()).to.equal(4);
  });

  it('runs a command once, however often it is sent, and repeats the result until the server has it', async () => {
    const order = CommandOrder.fromPartial({
      id: COMMAND,
      expiresAt: toTimestamp(clock.wall() + 60_000),
      spec: { work: { $case: 'collectConnections', value: {} } },
    });
    transport.welcome();
    transport.reply({ $case: 'command', value: order });
    await settled();
    const states = (): CommandState[] => transport.payloads('commandUpdate').map(({ state }) => state);
    const { COMMAND_STATE_ACCEPTED, COMMAND_STATE_RUNNING, COMMAND_STATE_SUCCEEDED } = CommandState;
    expect(states()).to.deep.equal([COMMAND_STATE_ACCEPTED, COMMAND_STATE_RUNNING, COMMAND_STATE_SUCCEEDED]);
    transport.reply({ $case: 'command', value: order });
    await settled();
    expect(states().slice(3)).to.deep.equal([COMMAND_STATE_SUCCEEDED]);

    transport.messages.error(new StreamError('cut', false, ''));
    await lost();
    commands = makeCommands();
    open();
    transport.welcome();
    expect(states()).to.deep.equal([COMMAND_STATE_SUCCEEDED]);
    transport.reply({ $case: 'eventAck', value: { eventIds: [] } }, 2n);
    expect(commands.openIds()).to.deep.equal([]);
  });

  it('finishes what it is doing before a drain, and comes back when it was told to', async () => {
    transport.welcome();
    say(desired(1n, isolate()));
    transport.reply({ $case: 'drain', value: { reconnectAfter: toDuration(3_000), reason: 'upgrade' } });
    expect(transport.finished).to.equal(false);
    await settled();
    expect(transport.payloads('stateReport')).to.have.length(1);
    expect(transport.finished).to.equal(true);
    transport.messages.complete();
    expect(await session.ended).to.deep.equal({ kind: 'drained', afterMs: 3_000 });
  });

  it('conflates while the server does not read, and gives up after 30 s', async () => {
    transport.welcome();
    transport.stall();
    for (let n = 0; n < 10; n++) transport.reply({ $case: 'reportFullState', value: {} });
    expect(transport.payloads('stateReport')).to.have.length(1);
    transport.resume();
    expect(transport.payloads('stateReport')).to.have.length(2);
    transport.stall();
    transport.reply({ $case: 'reportFullState', value: {} });
    clock.advance(30_000);
    expect((await lost()).reason).to.contain('did not read');
  });

  it('ends a stream whose server breaks the protocol', async () => {
    const breaches: ((server: AgentTransport) => void)[] = [
      (server) => server.reply({ $case: 'reportFullState', value: {} }),
      (server) => {
        server.welcome();
        server.welcome();
      },
      (server) => {
        server.welcome();
        server.messages.next({ seq: 7n, ack: 0n, payload: { $case: 'reportFullState', value: {} } });
      },
    ];
    for (const breach of breaches) {
      open();
      breach(transport);
      await lost();
      expect(transport.aborted).to.equal(true);
    }
  });

  it('counts what it does not know and goes on', () => {
    transport.welcome({ heartbeatInterval: toDuration(1_000) });
    transport.reply(undefined);
    clock.advance(1_000);
    expect(transport.payloads('heartbeat')[0]?.unknownMessages).to.equal(1);
  });

  it('asks for a certificate only on a stream that stands, and hands over what comes', () => {
    session.requestCertificate(Buffer.from('early'));
    expect(transport.payloads('certificateRequest')).to.have.length(0);
    transport.welcome();
    session.requestCertificate(Buffer.from('csr'));
    expect(transport.payloads('certificateRequest')).to.have.length(1);
    transport.reply({ $case: 'certificateIssued', value: { certificate: Buffer.from('der'), error: '' } });
    expect(certificates).to.deep.equal([{ der: Buffer.from('der'), error: '' }]);
  });

  it('numbers its messages without a gap and acknowledges what it has received', async () => {
    transport.welcome();
    say(desired(1n, isolate()));
    await settled();
    expect(transport.said.map(({ seq }: ConnectRequest) => seq)).to.deep.equal(
      transport.said.map((_, index) => BigInt(index + 1)),
    );
    expect(transport.said.at(-1)?.ack).to.equal(2n);
  });

  describe('asks for indicator documents', () => {
    const hash = (n: number): string => n.toString(16).padStart(64, '0');
    const asked = (): string[][] =>
      transport
        .payloads('iocDocumentRequest')
        .map(({ hashes }) => hashes.map((each) => each.toString('hex')));
    const answer = (n: number, change: { content?: Buffer; error?: string }): void =>
      transport.reply({
        $case: 'iocDocumentContent',
        value: { hash: Buffer.from(hash(n), 'hex'), content: Buffer.alloc(0), error: '', ...change },
      });

    it('as soon as a command that needs them is accepted, and takes or gives up each', () => {
      transport.welcome();
      expect(asked()).to.deep.equal([]);
      missing = new Set([hash(1), hash(2)]);
      transport.reply({ $case: 'command', value: CommandOrder.fromPartial({ id: COMMAND }) });
      expect(asked()).to.deep.equal([[hash(1), hash(2)]]);
      answer(1, { content: Buffer.from('<ioc/>') });
      answer(2, { error: 'the document was deleted' });
      answer(3, { content: Buffer.from('nobody asked') });
      expect(documents).to.deep.equal([
        { hash: hash(1), content: '<ioc/>' },
        { hash: hash(2), error: 'the document was deleted' },
      ]);
    });

    it('a hundred at a time, and each once on a stream', () => {
      missing = new Set([...Array(150).keys()].map(hash));
      transport.welcome();
      expect(asked().map(({ length }) => length)).to.deep.equal([100]);
      for (let n = 0; n < 100; n++) answer(n, { content: Buffer.from('x') });
      expect(asked().map(({ length }) => length)).to.deep.equal([100, 50]);
    });

    it('again on the next stream', () => {
      missing = new Set([hash(1)]);
      transport.welcome();
      session.close('over');
      open();
      transport.welcome();
      expect(asked()).to.deep.equal([[hash(1)]]);
    });
  });

  it('pauses and resumes commands as told', () => {
    transport.welcome();
    transport.reply({ $case: 'pauseCommand', value: { id: COMMAND } });
    const order = CommandOrder.fromPartial({ id: COMMAND, spec: { work: { $case: 'selfTest', value: {} } } });
    transport.reply({ $case: 'command', value: order });
    transport.reply({ $case: 'resumeCommand', value: { id: COMMAND } });
    const states = transport.payloads('commandUpdate').map(({ state }) => state);
    expect(states).to.deep.equal([
      CommandState.COMMAND_STATE_ACCEPTED,
      CommandState.COMMAND_STATE_PAUSED,
      CommandState.COMMAND_STATE_ACCEPTED,
      CommandState.COMMAND_STATE_RUNNING,
    ]);
  });
});
