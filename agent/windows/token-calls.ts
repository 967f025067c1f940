import { WinError } from './error-codes.js';
import { caller, lastErrorCall, systemLibrary, WindowsError, type Address, type Handle } from './library.js';
import { LONGEST_SID, sidAt } from './sid.js';

type Out<T> = [T];
/** A buffer with a SID, or where Windows keeps one. */
type Sid = Buffer | Address;

/** What Windows says about who somebody is. */
export interface TokenCalls {
  impersonateClient(pipe: Handle): number;
  revert(): number;
  currentProcess(): Handle;
  currentThread(): Handle;
  openProcessToken(process: Handle, access: number, token: Out<Handle>): number;
  openThreadToken(thread: Handle, access: number, asSelf: number, token: Out<Handle>): number;
  information(token: Handle, what: number, into: Buffer | null, bytes: number, needed: Out<number>): number;
  isMember(token: Handle, group: Buffer, member: Out<number>): number;
  copySid(bytes: number, into: Buffer, sid: Sid): number;
  securityInfo(
    object: Handle,
    kind: number,
    what: number,
    owner: Out<Address>,
    group: null,
    dacl: null,
    sacl: null,
    descriptor: Out<Address>,
  ): number;
  logon(
    user: string,
    domain: string | null,
    password: string,
    kind: number,
    provider: number,
    token: Out<Handle>,
  ): number;
  accountOfName(
    system: null,
    name: string,
    sid: Buffer,
    sidBytes: Out<number>,
    domain: Buffer,
    domainCharacters: Out<number>,
    use: Out<number>,
  ): number;
  /** Asks a domain controller where it must: not on Node's own thread. Resolves to 0 where the account has no name. */
  nameOfAccount(
    sid: Buffer,
    name: Buffer,
    nameCharacters: Out<number>,
    domain: Buffer,
    domainCharacters: Out<number>,
  ): Promise<number>;
  computerName(name: Buffer, characters: Out<number>): number;
  closeHandle(handle: Handle): number;
  localFree(memory: Address): Address;
  /** Only right after the call that failed. */
  lastError(): number;
}

let loaded: Promise<TokenCalls> | undefined;

/** @throws Error on another platform */
export function tokenCalls(): Promise<TokenCalls> {
  return (loaded ??= load());
}

async function load(): Promise<TokenCalls> {
  const advapi = await systemLibrary('advapi32.dll');
  const kernel32 = await systemLibrary('kernel32.dll');
  const kernel = caller(kernel32);
  const call = caller(advapi);
  const lookup = advapi.func(
    'int __stdcall LookupAccountSidW(str16 system, const void *sid, void *name, _Inout_ uint32_t *nameCharacters, void *domain, _Inout_ uint32_t *domainCharacters, _Out_ int *use)',
  );
  return {
    impersonateClient: call('int __stdcall ImpersonateNamedPipeClient(int64_t pipe)'),
    revert: call('int __stdcall RevertToSelf()'),
    currentProcess: kernel('int64_t __stdcall GetCurrentProcess()'),
    currentThread: kernel('int64_t __stdcall GetCurrentThread()'),
    openProcessToken: call(
      'int __stdcall OpenProcessToken(int64_t process, uint32_t access, _Out_ int64_t *token)',
    ),
    openThreadToken: call(
      'int __stdcall OpenThreadToken(int64_t thread, uint32_t access, int asSelf, _Out_ int64_t *token)',
    ),
    information: call(
      'int __stdcall GetTokenInformation(int64_t token, int what, void *into, uint32_t bytes, _Out_ uint32_t *needed)',
    ),
    isMember: call('int __stdcall CheckTokenMembership(int64_t token, void *group, _Out_ int *member)'),
    copySid: call('int __stdcall CopySid(uint32_t bytes, void *into, const void *sid)'),
    securityInfo: call(
      'uint32_t __stdcall GetSecurityInfo(int64_t object, int kind, uint32_t what, _Out_ void **owner, void *group, void *dacl, void *sacl, _Out_ void **descriptor)',
    ),
    logon: call(
      'int __stdcall LogonUserW(str16 user, str16 domain, str16 password, uint32_t kind, uint32_t provider, _Out_ int64_t *token)',
    ),
    accountOfName: call(
      'int __stdcall LookupAccountNameW(str16 system, str16 name, void *sid, _Inout_ uint32_t *sidBytes, void *domain, _Inout_ uint32_t *domainCharacters, _Out_ int *use)',
    ),
    nameOfAccount: (sid, name, nameCharacters, domain, domainCharacters) =>
      new Promise(
        (resolve, reject) =>
          void lookup.async(
            null,
            sid,
            name,
            nameCharacters,
            domain,
            domainCharacters,
            [0],
            (error: Error | null, found: number) => (error ? reject(error) : resolve(found)),
          ),
      ),
    computerName: kernel('int __stdcall GetComputerNameW(void *name, _Inout_ uint32_t *characters)'),
    closeHandle: kernel('int __stdcall CloseHandle(int64_t handle)'),
    localFree: kernel('void * __stdcall LocalFree(void *memory)'),
    lastError: lastErrorCall(kernel32),
  };
}

/** Access to a token: what is in it may be read. */
export const TOKEN_QUERY = 0x8;
/** TOKEN_INFORMATION_CLASS. */
const TOKEN_USER = 1;
const TOKEN_GROUPS = 2;
/** TOKEN_GROUPS: a count, then rows of the address of a SID and its attributes. */
const FIRST_GROUP = 8;
const GROUP = 16;
const ATTRIBUTES = 8;

/** A SID of a token, and what it is good for (SE_GROUP_*). */
export interface TokenGroup {
  readonly sid: Buffer;
  readonly attributes: number;
}

/**
 * SID of the user of a token.
 * @throws WindowsError
 */
export function userOf(calls: TokenCalls, token: Handle): Buffer {
  // It begins with the address of the SID, which lies in the rest of it.
  return copySid(calls, informationOf(calls, token, TOKEN_USER).readBigUInt64LE(0));
}

/** @throws WindowsError */
export function groupsOf(calls: TokenCalls, token: Handle): TokenGroup[] {
  const groups = informationOf(calls, token, TOKEN_GROUPS);
  return Array.from({ length: groups.readUInt32LE(0) }, (_, index) => {
    const at = FIRST_GROUP + index * GROUP;
    return {
      sid: copySid(calls, groups.readBigUInt64LE(at)),
      attributes: groups.readUInt32LE(at + ATTRIBUTES),
    };
  });
}

/**
 * A SID, wherever Windows keeps it.
 * @throws WindowsError
 */
export function copySid(calls: TokenCalls, sid: Sid): Buffer {
  const bytes = Buffer.alloc(LONGEST_SID);
  if (calls.copySid(bytes.length, bytes, sid) === 0) throw new WindowsError('CopySid', calls.lastError());
  return sidAt(bytes, 0);
}

/** Addresses in it lead into it: its memory is never within V8's own heap, whose objects move. */
function informationOf(calls: TokenCalls, token: Handle, what: number): Buffer {
  const needed: [number] = [0];
  if (calls.information(token, what, null, 0, needed) === 0) {
    const code = calls.lastError();
    if (code !== WinError.INSUFFICIENT_BUFFER) throw new WindowsError('GetTokenInformation', code);
  }
  const information = Buffer.allocUnsafeSlow(needed[0]);
  if (calls.information(token, what, information, information.length, needed) === 0) {
    throw new WindowsError('GetTokenInformation', calls.lastError());
  }
  return information;
}
