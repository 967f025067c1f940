import { expect } from 'chai';
import { Verdict } from '../../../../agent/local/login/verdict.js';
import { logOnThrough } from '../../../../agent/windows/logon.js';
import type { TokenCalls } from '../../../../agent/windows/token-calls.js';
import { parseSid } from '../../../../agent/windows/sid.js';

const ANN = parseSid('S-1-5-21-1-2-3-1001');
const GUEST = parseSid('S-1-5-21-1-2-3-501');

/** A Windows with one user, ann, on the computer PC. */
class FakeWindows {
  /** Error for each kind of logon; none: it succeeds. */
  readonly errors = new Map<number, number>();
  /** Whose token a logon gives. */
  letsIn = ANN;
  readonly logons: unknown[] = [];
  open = 0;
  private error = 0;

  readonly calls: Partial<TokenCalls> = {
    computerName: (name) => name.write('PC\0', 'utf16le'),
    logon: (user, domain, password, kind, provider, token) => {
      this.logons.push({ user, domain, password, kind, provider });
      this.error = this.errors.get(kind) ?? 0;
      if (this.error !== 0) return 0;
      this.open += 1;
      token[0] = 42;
      return 1;
    },
    accountOfName: (_system, name, sid) => {
      this.error = 1332;
      return name === 'PC\\ann' ? ANN.copy(sid) : 0;
    },
    information: (_token, _what, into, _bytes, needed) => {
      needed[0] = 44;
      this.error = 122;
      if (into === null) return 0;
      into.writeBigUInt64LE(4096n, 0);
      return 1;
    },
    copySid: (_bytes, into, sid) => (typeof sid === 'bigint' ? this.letsIn : (sid ?? GUEST)).copy(into),
    closeHandle: () => (this.open -= 1),
    lastError: () => this.error,
  };

  logOn(user: string): ReturnType<typeof logOnThrough> {
    return logOnThrough(this.calls as TokenCalls, user, 'geheim');
  }
}

describe('a logon to Windows', () => {
  it('asks over the network, and locally only where the account may not log on like that', () => {
    const windows = new FakeWindows();
    expect(windows.logOn('ann').verdict).to.equal(Verdict.FITS);
    const first = { user: 'ann', domain: 'PC', password: 'geheim', kind: 3, provider: 0 };
    expect(windows.logons.splice(0)).to.deep.equal([first]);
    windows.errors.set(3, 1326);
    expect(windows.logOn('ann').verdict).to.equal(Verdict.REFUSED);
    expect(windows.logons.splice(0)).to.deep.equal([first]);
    windows.errors.set(3, 1385);
    expect(windows.logOn('ann').verdict).to.equal(Verdict.FITS);
    expect(windows.logons.splice(0)).to.deep.equal([first, { ...first, kind: 2 }]);
    windows.errors.set(2, 1385);
    expect(windows.logOn('ann').verdict).to.equal(Verdict.REFUSED);
    expect(windows.open).to.equal(0);
  });

  it('is refused where Windows lets somebody else in, as a guest account does', () => {
    const windows = new FakeWindows();
    windows.letsIn = GUEST;
    const { verdict, why } = windows.logOn('ann');
    expect(verdict).to.equal(Verdict.REFUSED);
    expect(why).to.contain('S-1-5-21-1-2-3-501');
    expect(windows.open).to.equal(0);
  });

  it('is trouble where Windows lets in whom it does not know', () => {
    const windows = new FakeWindows();
    expect(() => windows.logOn('bob')).to.throw('LookupAccountNameW failed with Windows error 1332');
    expect(windows.open).to.equal(0);
  });
});
