import { inspect } from 'node:util';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { LocalRelease } from '../../../../agent/local/local-release.js';
import type { LoginVerdict } from '../../../../agent/local/login/check.js';
import { CordonError } from '../../../../shared/errors.js';
import { ErrorReason } from '../../../../shared/gen/cordon/v1/error.js';
import { IsolationEndCause, IsolationState } from '../../../../shared/gen/cordon/v1/isolation.js';
import { LocalReleaseSettings } from '../../../../shared/gen/cordon/v1/policy.js';
import { hashPassword } from '../../../../shared/password-hash.js';
import { OwnerSite, silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { desired, isolate } from '../../../fakes/isolation.js';

const { ISOLATION_STATE_ISOLATED: ISOLATED, ISOLATION_STATE_RELEASED: RELEASED } = IsolationState;
const { PERMISSION_DENIED, FAILED_PRECONDITION, INVALID_ARGUMENT } = status;

describe('a release at the device', () => {
  let clock: FakeClock;
  let site: OwnerSite;
  let release: LocalRelease;
  let hash: string;
  const logins: string[] = [];
  let verdict: LoginVerdict;

  before(async () => {
    hash = await hashPassword('geheim', Buffer.alloc(16, 1));
  });

  beforeEach(async () => {
    clock = new FakeClock();
    site = new OwnerSite(clock);
    await site.owner.start();
    logins.length = 0;
    verdict = { kind: 'fits' };
    make();
  });
  afterEach(() => site.owner.stop());

  function make(): void {
    release = new LocalRelease({
      clock,
      log: silent,
      owner: site.owner,
      checkLogin: (user, password) => {
        logins.push(`${user}:${password}`);
        return Promise.resolve(verdict);
      },
      tell: (event) => site.events.push(event),
    });
  }

  async function isolated(settings?: Partial<LocalReleaseSettings>): Promise<void> {
    const localRelease = settings && LocalReleaseSettings.fromPartial(settings);
    await site.owner.handle(desired(1n, isolate(), { localRelease }), site.now());
    site.events.length = 0;
  }

  /** Code of the refusal; OK. */
  async function ask(login: string, password: string): Promise<status> {
    try {
      await release.release({ login, password }, 'root', () => false);
      return status.OK;
    } catch (error) {
      if (!(error instanceof CordonError)) throw error;
      return error.code;
    }
  }

  const refusals = (): object[] =>
    site.events.flatMap((event) => (event.$case === 'releaseRefused' ? [event.value] : []));

  it('needs no password where the policy says nothing, and is known by the user who made it', async () => {
    await isolated();
    expect(await ask('', '')).to.equal(status.OK);
    expect(site.enforcer.plan).to.equal(undefined);
    const { state, endCause, endedBy } = site.owner.observed();
    expect({ state, endCause, endedBy }).to.deep.equal({
      state: RELEASED,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_LOCAL,
      endedBy: 'local:root',
    });
    const [event] = site.events;
    expect(event?.$case === 'isolationChanged' && event.value.observed?.endedBy).to.equal('local:root');
  });

  it('is kept over a restart, and the order that it ended is not carried out again', async () => {
    await isolated();
    await ask('', '');
    await site.restart();
    expect(site.owner.observed().endedBy).to.equal('local:root');
    await site.owner.handle(desired(1n, isolate()), site.now());
    expect(site.owner.observed().state).to.equal(RELEASED);
  });

  it('of a device that is not isolated is a wrong operation, with or without a password', async () => {
    expect(await ask('', '')).to.equal(FAILED_PRECONDITION);
    await isolated({ passwordHash: hash });
    expect(await ask('', 'geheim')).to.equal(status.OK);
    expect(await ask('', 'geheim')).to.equal(FAILED_PRECONDITION);
    expect(await ask('', 'wrong')).to.equal(FAILED_PRECONDITION);
    expect(refusals()).to.deep.equal([]);
  });

  for (const [what, settings, login, password, code, detail] of [
    ['root without a password', {}, '', '', PERMISSION_DENIED, /needed, and none was given/],
    ['root where the policy allows it', { administratorWithoutPassword: true }, '', '', status.OK, /./],
    ['a password where none is set', {}, '', 'x', PERMISSION_DENIED, /sets no password/],
    [
      'a wrong password although none is needed',
      { administratorWithoutPassword: true },
      '',
      'x',
      PERMISSION_DENIED,
      /sets no password/,
    ],
    ['a user whom the policy does not list', { users: ['ann'] }, 'bob', 'x', PERMISSION_DENIED, /not list/],
    ['a user without a password', { users: ['ann'] }, 'ann', '', PERMISSION_DENIED, /needs the password/],
    ['a name that is none', {}, 'a\nb', 'x', INVALID_ARGUMENT, undefined],
    ['a password without end', {}, '', 'x'.repeat(1025), INVALID_ARGUMENT, undefined],
  ] as const) {
    it(`${code === status.OK ? 'is granted' : 'is refused'}: ${what}`, async () => {
      await isolated({ ...settings, users: 'users' in settings ? [...settings.users] : [] });
      expect(await ask(login, password)).to.equal(code);
      expect(site.owner.observed().state).to.equal(code === status.OK ? RELEASED : ISOLATED);
      expect(refusals()).to.have.length(code === PERMISSION_DENIED ? 1 : 0);
      if (code === PERMISSION_DENIED) expect(JSON.stringify(refusals())).to.match(detail);
      expect(logins).to.deep.equal([]);
    });
  }

  it('takes the password of the policy and no other, and tells the server of the others', async () => {
    await isolated({ passwordHash: hash });
    expect(await ask('', 'Geheim')).to.equal(PERMISSION_DENIED);
    expect(refusals()).to.deep.equal([{ user: 'root', detail: 'wrong password' }]);
    clock.advance(1000);
    expect(await ask('', 'geheim')).to.equal(status.OK);
    expect(site.events.map(({ value }) => inspect(value, { depth: 9 })).join()).not.to.match(/geheim/i);
  });

  it('takes the login password of a user whom the policy lists, and names that user', async () => {
    await isolated({ users: ['ann'] });
    verdict = { kind: 'refused', why: 'Authentication failure' };
    expect(await ask('ann', 'wrong')).to.equal(PERMISSION_DENIED);
    expect(refusals()).to.deep.equal([{ user: 'ann', detail: 'ann: Authentication failure' }]);
    clock.advance(1000);
    verdict = { kind: 'fits' };
    expect(await ask('ann', 'right')).to.equal(status.OK);
    expect(logins).to.deep.equal(['ann:wrong', 'ann:right']);
    expect(site.owner.observed().endedBy).to.equal('local:ann');
  });

  it('says so where the login password cannot be checked', async () => {
    await isolated({ users: ['ann'] });
    verdict = { kind: 'trouble', why: 'libpam.so.0 is not on this computer' };
    expect(await ask('ann', 'x')).to.equal(PERMISSION_DENIED);
    expect(JSON.stringify(refusals())).to.contain('libpam');
  });

  it('tells the server of a guesser without filling the outbox, and how many were left out', async () => {
    await isolated({ users: [] });
    for (let round = 0; round < 50; round++) await ask('', '');
    expect(refusals()).to.have.length(10);
    clock.advance(600_000);
    await ask('', '');
    expect(refusals()).to.have.length(11);
    expect(JSON.stringify(refusals().at(-1))).to.contain('40 more since the last report');
  });

  it('is refused in words that a program understands', async () => {
    await isolated({});
    const outcome = await release
      .release({ login: '', password: '' }, 'root', () => false)
      .catch((error: unknown) => error);
    expect(outcome).to.include({ reason: ErrorReason.ERROR_REASON_PASSWORD_REFUSED });
  });

  it('that cannot be done yet is decided all the same, and tried again', async () => {
    await isolated();
    site.enforcer.broken = 'nft is gone';
    const observed = await release.release({ login: '', password: '' }, 'root', () => false);
    expect(observed.state).to.equal(IsolationState.ISOLATION_STATE_RELEASING);
    expect(observed.degradedReason).to.contain('nft is gone');
    site.enforcer.broken = undefined;
    expect((await release.release({ login: '', password: '' }, 'root', () => false)).state).to.equal(
      RELEASED,
    );
    expect(site.owner.observed().endedBy).to.equal('local:root');
  });
});
