import { Verdict, type LoginAnswer } from '../local/login/verdict.js';
import { WinError } from './error-codes.js';
import { WindowsError, type Handle } from './library.js';
import { accountOf, logonVerdict } from './logon-verdict.js';
import { tokenCalls, userOf, type TokenCalls } from './token-calls.js';
import { wideText } from './token-names.js';
import { LONGEST_SID, sidAt, sidText } from './sid.js';

/** No session, no profile, and the password is asked for each time. Some computers grant it to no local account. */
const LOGON32_LOGON_NETWORK = 3;
const LOGON32_LOGON_INTERACTIVE = 2;
const LOGON32_PROVIDER_DEFAULT = 0;
const MOST_CHARACTERS = 257;

/**
 * Asks Windows whether a password is the one that a user logs on with. Blocks: for a process of its own.
 * @param user `DOMAIN\user`, `user@domain`, or `user` for an account of this computer
 * @throws Error where Windows does not say
 */
export async function logOn(user: string, password: string): Promise<LoginAnswer> {
  return logOnThrough(await tokenCalls(), user, password);
}

/** The same by the calls that are given. */
export function logOnThrough(calls: TokenCalls, user: string, password: string): LoginAnswer {
  const account = accountOf(user, computerName(calls));
  let code = 0;
  for (const kind of [LOGON32_LOGON_NETWORK, LOGON32_LOGON_INTERACTIVE]) {
    const token: [Handle] = [0];
    if (calls.logon(account.user, account.domain, password, kind, LOGON32_PROVIDER_DEFAULT, token) !== 0) {
      return proven(calls, token[0], account.full);
    }
    code = calls.lastError();
    if (code !== WinError.LOGON_TYPE_NOT_GRANTED) break;
  }
  return logonVerdict(code);
}

/** Windows may let a user in as somebody else, the guest for one, whatever the password is. Only a token of the user counts. */
function proven(calls: TokenCalls, token: Handle, account: string): LoginAnswer {
  try {
    const [asked, given] = [sidOf(calls, account), userOf(calls, token)].map(sidText);
    if (asked === given) return { verdict: Verdict.FITS, why: '' };
    return { verdict: Verdict.REFUSED, why: `Windows let somebody else in (${given}) than was asked for` };
  } finally {
    calls.closeHandle(token);
  }
}

/** SID of an account, `DOMAIN\\user`. @throws WindowsError where there is none of the name */
export function sidOf(calls: TokenCalls, account: string): Buffer {
  const sid = Buffer.alloc(LONGEST_SID);
  const domain = Buffer.allocUnsafeSlow(2 * MOST_CHARACTERS);
  const found = calls.accountOfName(null, account, sid, [sid.length], domain, [MOST_CHARACTERS], [0]);
  if (found === 0) throw new WindowsError('LookupAccountNameW', calls.lastError());
  return sidAt(sid, 0);
}

/** Name of this computer, which is the domain of its own accounts. @throws WindowsError */
export function computerName(calls: TokenCalls): string {
  const name = Buffer.allocUnsafeSlow(2 * MOST_CHARACTERS);
  if (calls.computerName(name, [MOST_CHARACTERS]) === 0) {
    throw new WindowsError('GetComputerNameW', calls.lastError());
  }
  return wideText(name);
}
