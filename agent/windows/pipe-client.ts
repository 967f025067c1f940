import { WindowsError, type Handle } from './library.js';

import { TOKEN_QUERY, tokenCalls, userOf, type TokenCalls } from './token-calls.js';
import { LOCAL_SYSTEM, SIDS, sidText } from './sid.js';

/** Who is at the other end of a connection. */
export interface PipeClient {
  readonly sid: string;
  /** LocalSystem, or somebody whose token has Administrators turned on: an administrator who is not elevated has not. */
  readonly administrator: boolean;
}

/** @throws WindowsError where Windows does not say; nobody is let in then */
export type ClientReader = (pipe: Handle) => PipeClient;

/**
 * Asks Windows who connected, by taking that identity for a moment: whatever the list of rights on the pipe became, and
 * whatever has happened to the number of the process. Windows says so only after something has been read from the pipe.
 */
export async function clientReader(): Promise<ClientReader> {
  const calls = await tokenCalls();
  return (pipe) => {
    impersonate(calls, pipe);
    return clientOfThread(calls);
  };
}

/**
 * Who this thread acts as; afterwards it acts as itself again.
 * @throws WindowsError where it acts as nobody else, or Windows does not say
 */
export function clientOfThread(calls: TokenCalls): PipeClient {
  const token = takeToken(calls);
  try {
    const sid = sidText(userOf(calls, token));

    return { sid, administrator: sid === LOCAL_SYSTEM || isMember(calls, token, SIDS.administrators) };
  } finally {
    calls.closeHandle(token);
  }
}

function impersonate(calls: TokenCalls, pipe: Handle): void {
  if (calls.impersonateClient(pipe) === 0) {
    throw new WindowsError('ImpersonateNamedPipeClient', calls.lastError());
  }
}

/** Nothing in here may wait: until it is reverted, all that this thread does is done as somebody else. */
function takeToken(calls: TokenCalls): Handle {
  const token: [Handle] = [0];
  let code = 0;
  try {
    // As ourselves: who may only be identified could not open the token.
    if (calls.openThreadToken(calls.currentThread(), TOKEN_QUERY, 1, token) === 0) code = calls.lastError();
  } finally {
    // An agent that went on as its caller would do everything else in that name.
    if (calls.revert() === 0) process.abort();
  }
  if (code !== 0) throw new WindowsError('OpenThreadToken', code);
  return token[0];
}

function isMember(calls: TokenCalls, token: Handle, group: Buffer): boolean {
  const member: [number] = [0];
  if (calls.isMember(token, group, member) === 0) {
    throw new WindowsError('CheckTokenMembership', calls.lastError());
  }
  return member[0] !== 0;
}
