import { WindowsError, type Address, type Handle } from './library.js';
import { WinError } from './error-codes.js';
import { NO_HANDLE, pipeCalls } from './pipe-calls.js';

import { ADMINISTRATORS, LOCAL_SYSTEM, sidText } from './sid.js';
import { copySid, tokenCalls } from './token-calls.js';

const GENERIC_READ_WRITE = 0xc000_0000;
const OPEN_EXISTING = 3;
/** Whoever made the pipe may learn who we are, and not act as us. */
const SECURITY_SQOS_PRESENT_IDENTIFICATION = 0x0011_0000;
const SE_KERNEL_OBJECT = 6;
const OWNER_SECURITY_INFORMATION = 1;
/** While another client is being let in, no instance of the pipe may be free for a moment. */
const BUSY_FOR_MS = 5_000;
const BUSY_STEP_MS = 50;

/** What is at a name. */
export type PinnedPipe =
  | { readonly kind: 'trusted'; readonly release: () => void }
  | { readonly kind: 'absent' }
  /** Its list of rights does not let this process in. */
  | { readonly kind: 'denied' }
  | { readonly kind: 'busy' }
  /** Somebody made it who is not an administrator: SID; empty: nobody owns it. */
  | { readonly kind: 'foreign'; readonly owner: string };

/** Whether a name is that of a pipe on this computer. `\\server\pipe\NAME` would be one on another. */
export function isLocalPipe(name: string): boolean {
  return /^\\\\[.?]\\pipe\\\w[\w. -]{0,239}$/i.test(name);
}

/**
 * Opens a pipe and asks who made it. As long as the connection is held nobody else can make a pipe of that name, so that a
 * second connection reaches the same maker.
 * @param name `\\.\pipe\NAME`
 * @throws WindowsError where Windows does not say
 */
export async function pinPipe(name: string): Promise<PinnedPipe> {
  const calls = await pipeCalls();
  let pipe = NO_HANDLE;
  for (let waited = 0; pipe === NO_HANDLE; waited += BUSY_STEP_MS) {
    pipe = calls.createFile(
      name,
      GENERIC_READ_WRITE,
      0,
      null,
      OPEN_EXISTING,
      SECURITY_SQOS_PRESENT_IDENTIFICATION,
      0,
    );
    if (pipe !== NO_HANDLE) break;
    const code = calls.lastError();
    if (code === WinError.FILE_NOT_FOUND) return { kind: 'absent' };
    if (code === WinError.ACCESS_DENIED) return { kind: 'denied' };
    if (code !== WinError.PIPE_BUSY) throw new WindowsError('CreateFileW', code);
    if (waited >= BUSY_FOR_MS) return { kind: 'busy' };
    await new Promise((resolve) => setTimeout(resolve, BUSY_STEP_MS));
  }
  const release = (): void => void calls.closeHandle(pipe);
  let owner = '';
  try {
    owner = await ownerOf(pipe);
  } finally {
    if (!isTrusted(owner)) release();
  }
  return isTrusted(owner) ? { kind: 'trusted', release } : { kind: 'foreign', owner };
}

/** Our own user is not enough: programs of an administrator that are not elevated run as the same user. */
function isTrusted(owner: string): boolean {
  return owner === LOCAL_SYSTEM || owner === ADMINISTRATORS;
}

async function ownerOf(pipe: Handle): Promise<string> {
  const calls = await tokenCalls();
  const owner: [Address] = [null];
  const descriptor: [Address] = [null];
  const code = calls.securityInfo(
    pipe,
    SE_KERNEL_OBJECT,
    OWNER_SECURITY_INFORMATION,
    owner,
    null,
    null,
    null,
    descriptor,
  );
  if (code !== 0) throw new WindowsError('GetSecurityInfo', code);
  try {
    return owner[0] === null ? '' : sidText(copySid(calls, owner[0]));
  } finally {
    calls.localFree(descriptor[0]);
  }
}
