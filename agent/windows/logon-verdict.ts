import { Verdict, type LoginAnswer } from '../local/login/verdict.js';
import { WinError } from './error-codes.js';

/** The password, or the account, is refused. */
const REFUSED: Readonly<Record<number, string>> = {
  [WinError.LOGON_FAILURE]: 'wrong password, or no such user',
  [WinError.ACCOUNT_RESTRICTION]: 'Windows restricts this account, for example because it has no password',
  [WinError.INVALID_LOGON_HOURS]: 'the account may not log on at this time',
  [WinError.INVALID_WORKSTATION]: 'the account may not log on at this computer',
  [WinError.PASSWORD_EXPIRED]: 'the password has expired',
  [WinError.ACCOUNT_DISABLED]: 'the account is disabled',
  [WinError.LOGON_TYPE_NOT_GRANTED]:
    'the account may log on to this computer neither over the network nor locally',
  [WinError.ACCOUNT_EXPIRED]: 'the account has expired',
  [WinError.PASSWORD_MUST_CHANGE]: 'the password has to be changed first',
  [WinError.ACCOUNT_LOCKED_OUT]: 'the account is locked out',
};

/** Nobody can say whether it fits. */
const TROUBLE: Readonly<Record<number, string>> = {
  [WinError.NO_LOGON_SERVERS]:
    'no domain controller can be reached; use an account of this computer, or the password of the policy',
  [WinError.NO_SUCH_DOMAIN]: 'the domain does not exist or cannot be reached',
  [WinError.NO_TRUST_SAM_ACCOUNT]: 'this computer has no trust relationship with the domain any more',
  [WinError.TRUSTED_RELATIONSHIP_FAILURE]:
    'the trust relationship between this computer and the domain has failed',
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
