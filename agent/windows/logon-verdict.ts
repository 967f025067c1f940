import { Verdict, type LoginAnswer } from '../local/login/verdict.js';

/** The password, or the account, is refused: winerror.h. */
const REFUSED: Readonly<Record<number, string>> = {
  1326: 'wrong password, or no such user',
  1327: 'Windows restricts this account, for example because it has no password',
  1328: 'the account may not log on at this time',
  1329: 'the account may not log on at this computer',
  1330: 'the password has expired',
  1331: 'the account is disabled',
  1385: 'the account may log on to this computer neither over the network nor locally',
  1793: 'the account has expired',
  1907: 'the password has to be changed first',
  1909: 'the account is locked out',
};

/** Nobody can say whether it fits. */
const TROUBLE: Readonly<Record<number, string>> = {
  1311: 'no domain controller can be reached; use an account of this computer, or the password of the policy',
  1355: 'the domain does not exist or cannot be reached',
  1787: 'this computer has no trust relationship with the domain any more',
  1789: 'the trust relationship between this computer and the domain has failed',
};

/** What an error of LogonUserW means. What is not known is trouble, which lets nobody in either. */
export function logonVerdict(code: number): LoginAnswer {
  const why = REFUSED[code];
  if (why !== undefined) return { verdict: Verdict.REFUSED, why };
  return { verdict: Verdict.TROUBLE, why: TROUBLE[code] ?? `LogonUserW failed with Windows error ${code}` };
}

/** An account as LogonUserW takes it. */
export interface Account {
  readonly user: string;
  /** null: `user` holds it, after an at sign. */
  readonly domain: string | null;
  /** As LookupAccountNameW takes it. */
  readonly full: string;
}

/**
 * Reads `DOMAIN\user`, `user@domain`, and `user` or `.\user`, which is an account of this computer.
 * @param computer name of this one
 */
export function accountOf(text: string, computer: string): Account {
  if (!text.includes('\\') && text.includes('@')) return { user: text, domain: null, full: text };
  const parts = /^([^\\]*)\\(.*)$/s.exec(text);
  const [domain = '.', user = text] = parts?.slice(1) ?? [];
  const place = domain === '.' ? computer : domain;
  return { user, domain: place, full: `${place}\\${user}` };
}
