import { WindowsError, type Handle } from './library.js';
import {
  groupsOf,
  TOKEN_QUERY,
  tokenCalls,
  userOf,
  type TokenCalls,
  type TokenGroup,
} from './token-calls.js';

const SE_GROUP_ENABLED = 0x4;

/**
 * SID by which this process can be told from others: that of its service, or of its user where it is no service.
 * @throws WindowsError
 */
export function processSid(): Promise<Buffer> {
  return withToken((calls, token) => serviceSidAmong(groupsOf(calls, token)) ?? userOf(calls, token));
}

/** SID of the user that this process runs as. @throws WindowsError */
export function processUser(): Promise<Buffer> {
  return withToken(userOf);
}

/** S-1-5-80 and five numbers: the token of a service has that of its name, unless the type of its SID is "none". */
export function serviceSidAmong(groups: readonly TokenGroup[]): Buffer | undefined {
  return groups.find(({ sid, attributes }) => isServiceSid(sid) && (attributes & SE_GROUP_ENABLED) !== 0)
    ?.sid;
}

/** S-1-5-80-0, "all services", is none of them. */
function isServiceSid(sid: Buffer): boolean {
  return sid.readUInt8(1) === 6 && sid.readUIntBE(2, 6) === 5 && sid.readUInt32LE(8) === 80;
}

async function withToken<T>(work: (calls: TokenCalls, token: Handle) => T): Promise<T> {
  const calls = await tokenCalls();
  const token: [Handle] = [0];
  if (calls.openProcessToken(calls.currentProcess(), TOKEN_QUERY, token) === 0) {
    throw new WindowsError('OpenProcessToken', calls.lastError());
  }
  try {
    return work(calls, token[0]);
  } finally {
    calls.closeHandle(token[0]);
  }
}
