import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { NEVER } from 'rxjs';
import type { Credentials } from '../../agent/identity/files.js';
import { IdentityFiles } from '../../agent/identity/files.js';
import { Identity } from '../../agent/identity/identity.js';
import type { ManagementPort } from '../../agent/identity/management-port.js';
import { EventOutbox } from '../../agent/link/event-outbox.js';
import { Link } from '../../agent/link/link.js';
import { ServerAddresses } from '../../agent/link/server-addresses.js';
import { StreamError } from '../../agent/link/transport.js';
import { Hello } from '../../shared/gen/cordon/v1/agent_service.js';
import { EnrollmentStatus } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { toDuration } from '../../shared/time.js';
import { OwnerSite, settled, silent } from '../fakes/agent-owner.js';
import { AgentTransport } from '../fakes/agent-transport.js';
import { DeviceCa } from '../fakes/device-certificates.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { desired, isolate } from '../fakes/isolation.js';

const DAY = 86_400_000;
const RECONNECT = {
  spread: toDuration(10_000),
  minBackoff: toDuration(1_000),
  maxBackoff: toDuration(8_000),
  healthyAfter: toDuration(60_000),
};

describe('the story of a device that keeps its stream', () => {
  let clock: FakeClock;
  let site: OwnerSite;
  let folder: string;
  let ca: DeviceCa;
  let identity: Identity;
  let link: Link;
  let dials: { address: string; credentials: Credentials; transport: AgentTransport }[];
  let unreachable: Set<string>;
  let lookups: number;
  let asked: string[];
  /** A certificate that the server does not know any more. */
  let replaced: Buffer | undefined;

  before(async () => {
    ca = await DeviceCa.make();
  });
  beforeEach(async () => {
    clock = new FakeClock();
    site = new OwnerSite(clock);
    await site.owner.start();
    folder = mkdtempSync(join(tmpdir(), 'cordon-agent-link-'));
    identity = new Identity(new IdentityFiles(folder), () => 0.5);
    const certificate = await ca.issue(await identity.enrollmentCsr(), clock.wall(), clock.wall() + 30 * DAY);
    identity.adoptEnrolment(certificate, [ca.certificate]);
    dials = [];
    unreachable = new Set();
    lookups = 0;
    asked = [];
    replaced = undefined;
    link = makeLink();
    link.start();
    await untilDialled(1);
  });
  afterEach(async () => {
    const stopped = link.stop('the test is over');
    dials.at(-1)?.transport.messages.complete();
    await stopped;
    await site.owner.stop();
    rmSync(folder, { recursive: true });
  });

  function makeLink(): Link {
    const lookup = (): Promise<string[]> => {
      lookups += 1;
      return Promise.resolve(['192.0.2.1', '2001:db8::1']);
    };
    const management: ManagementPort = {
      enroll: () => Promise.reject(new Error('already enrolled')),
      status: () => {
        asked.push('status');
        return Promise.resolve(EnrollmentStatus.ENROLLMENT_STATUS_BANNED);
      },
      renew: (old, csr) => {
        asked.push('renew');
        if (replaced?.equals(old)) return Promise.reject(new Error('the certificate is not on record'));
        return ca.issue(csr, clock.wall(), clock.wall() + 30 * DAY);
      },
    };
    return new Link({
      clock,
      random: () => 0.5,
      log: silent,
      now: () => site.now(),
      owner: site.owner,
      commands: {
        order: () => undefined,
        cancel: () => undefined,
        pause: () => undefined,
        resume: () => undefined,
        pending: () => [],
        updates: NEVER,
        acknowledged: () => undefined,
      },
      events: new EventOutbox(folder, clock),
      identity,
      addresses: new ServerAddresses(
        folder,
        [{ host: 'server.example', port: 7443 }],
        { host: 'server.example', port: 7444 },
        clock,
        lookup,
      ),
      dial: ({ address }, credentials) => {
        const transport = new AgentTransport();
        dials.push({ address, credentials, transport });
        return unreachable.has(address)
          ? Promise.reject(new StreamError(`${address} is out of reach`, true, ''))
          : Promise.resolve(transport);
      },
      management: () => management,
      hello: (sessionNonce) => Hello.fromPartial({ deviceId: identity.deviceId, sessionNonce }),
      welcomed: () => undefined,
    });
  }

  const last = (): (typeof dials)[number] => {
    const dial = dials.at(-1);
    if (!dial) throw new Error('nothing was dialled');
    return dial;
  };
  /** Real work (keys, files) lies between two dials; time does not pass in it. */
  async function untilDialled(count: number): Promise<void> {
    const giveUpAt = Date.now() + 10_000;
    while (dials.length < count && Date.now() < giveUpAt) await settled();
    expect(dials).to.have.length(count);
    await settled();
  }
  const welcome = (): void =>
    last().transport.welcome({ reconnect: RECONNECT, nextSessionNonce: Buffer.from('n') });
  async function cut(): Promise<void> {
    last().transport.messages.error(new StreamError('cut', false, ''));
    await settled();
  }

  it('comes back after a random part of the spread when the stream was healthy', async () => {
    welcome();
    expect(link.connected).to.equal(true);
    clock.advance(60_000);
    await cut();
    expect(link.connected).to.equal(false);
    clock.advance(4_999);
    await settled();
    expect(dials).to.have.length(1);
    clock.advance(1);
    await untilDialled(2);
    expect(last().transport.payloads('hello')[0]?.sessionNonce.toString()).to.equal('n');
  });

  it('waits longer after each stream that was not healthy, up to the longest step', async () => {
    for (const [attempt, delay] of [500, 1_000, 2_000, 4_000, 4_000].entries()) {
      welcome();
      await cut();
      clock.advance(delay - 1);
      await settled();
      expect(dials, `attempt ${attempt}`).to.have.length(attempt + 1);
      clock.advance(1);
      await untilDialled(attempt + 2);
    }
  });

  it('does not take a stream for healthy before it has lived 60 s', async () => {
    for (const [failures, delay] of [500, 1_000].entries()) {
      welcome();
      await cut();
      clock.advance(delay);
      await untilDialled(failures + 2);
    }
    welcome();
    clock.advance(59_999);
    await cut();
    clock.advance(1_999);
    await settled();
    expect(dials).to.have.length(3);
    clock.advance(1);
    await untilDialled(4);
    welcome();
    clock.advance(60_000);
    await cut();
    clock.advance(4_999);
    await settled();
    expect(dials).to.have.length(4);
    clock.advance(1);
    await untilDialled(5);
    // The next failure starts from the first step again.
    welcome();
    await cut();
    clock.advance(500);
    await untilDialled(6);
  });

  it('tries every address of the server before it waits', async () => {
    welcome();
    await cut();
    unreachable.add('192.0.2.1');
    clock.advance(500);
    await untilDialled(3);
    expect(dials.slice(1).map(({ address }) => address)).to.deep.equal(['192.0.2.1', '2001:db8::1']);
  });

  it('looks up no name while it is isolated', async () => {
    welcome();
    last().transport.reply({ $case: 'desiredState', value: desired(1n, isolate()) });
    await settled();
    expect(site.owner.isolated).to.equal(true);
    const before = lookups;
    await cut();
    clock.advance(500);
    await untilDialled(2);
    expect(lookups).to.equal(before);
    expect(last().address).to.equal('192.0.2.1');
  });

  it('comes back between once and twice the time that a draining server asked for', async () => {
    welcome();
    last().transport.reply({
      $case: 'drain',
      value: { reconnectAfter: toDuration(4_000), reason: 'upgrade' },
    });
    last().transport.messages.complete();
    await settled();
    clock.advance(5_999);
    await settled();
    expect(dials).to.have.length(1);
    clock.advance(1);
    await untilDialled(2);
  });

  it('never gives up when it is refused, and asks why from time to time', async () => {
    for (let attempt = 1; attempt <= 5; attempt++) {
      last().transport.messages.error(new StreamError('banned', true, 'DEVICE_BANNED'));
      await settled();
      clock.advance(300_000);
      await untilDialled(attempt + 1);
    }
    expect(asked.length).to.be.within(2, 5);
  });

  it('renews at half of the lifetime and adopts the new certificate once it has let it in', async () => {
    welcome();
    const old = last().credentials.certificate;
    clock.advance(15 * DAY);
    for (let turn = 0; turn < 500 && last().transport.payloads('certificateRequest').length === 0; turn++) {
      await settled();
    }
    const [request] = last().transport.payloads('certificateRequest');
    if (!request) throw new Error('no certificate was asked for');
    const certificate = await ca.issue(request.csr, clock.wall(), clock.wall() + 30 * DAY);
    last().transport.reply({ $case: 'certificateIssued', value: { certificate, error: '' } });
    expect(last().transport.finished).to.equal(true);
    last().transport.messages.complete();
    await settled();
    clock.advance(1_000);
    await untilDialled(2);
    expect(last().credentials.certificate.equals(certificate)).to.equal(true);
    expect(identity.standing?.certificate.equals(old)).to.equal(true);
    welcome();
    expect(identity.standing?.certificate.equals(certificate)).to.equal(true);
  });

  it('renews a certificate that expired while it was away before it dials', async () => {
    await cut();
    clock.advance(40 * DAY);
    await untilDialled(2);
    expect(asked).to.deep.equal(['renew']);
    expect(identity.expired(clock.wall())).to.equal(false);
  });

  it('renews the candidate when the server took it over, the Welcome was lost and both have expired since', async () => {
    const now = clock.wall();
    identity.candidateIssued(await ca.issue(await identity.renewalCsr(), now, now + 30 * DAY));
    replaced = last().credentials.certificate;
    await cut();
    clock.advance(40 * DAY);
    await untilDialled(2);
    expect(last().credentials.certificate.equals(replaced)).to.equal(false);
    welcome();
    expect(identity.expired(clock.wall()), 'the candidate is in use').to.equal(false);
  });
});
