import { systemLibrary, WindowsError } from './library.js';
import { caller, type Address, type Handle } from './pipe-calls.js';
import { LONGEST_SID, sidAt, sidText } from './sid.js';

type Out<T> = [T];
/** A buffer with a SID, or where Windows keeps one. */
type Sid = Buffer | Address;

/** What Windows says about who somebody is. */
export interface TokenCalls {
  impersonateClient(pipe: Handle): number;
  revert(): number;
  currentThread(): Handle;
  openThreadToken(thread: Handle, access: number, asSelf: number, token: Out<Handle>): number;
  information(token: Handle, what: number, into: Buffer, bytes: number, needed: Out<number>): number;
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
  const kernel = caller(await systemLibrary('kernel32.dll'));
  const call = caller(advapi);
  const lookup = advapi.func(
    'int __stdcall LookupAccountSidW(str16 system, const void *sid, void *name, _Inout_ uint32_t *nameCharacters, void *domain, _Inout_ uint32_t *domainCharacters, _Out_ int *use)',
  );
  return {
    impersonateClient: call('int __stdcall ImpersonateNamedPipeClient(int64_t pipe)'),
    revert: call('int __stdcall RevertToSelf()'),
    currentThread: kernel('int64_t __stdcall GetCurrentThread()'),
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
    lastError: kernel('uint32_t __stdcall GetLastError()'),
  };
}

const TOKEN_USER = 1;
/** Larger than TOKEN_USER with the longest SID; never within V8's own heap, whose objects move. */
const INFORMATION_BYTES = 512;

/**
 * SID of the user of a token.
 * @throws WindowsError
 */
export function userOf(calls: TokenCalls, token: Handle): string {
  const information = Buffer.allocUnsafeSlow(INFORMATION_BYTES);
  if (calls.information(token, TOKEN_USER, information, INFORMATION_BYTES, [0]) === 0) {
    throw new WindowsError('GetTokenInformation', calls.lastError());
  }
  // It begins with the address of the SID, which lies in the rest of it.
  return copied(calls, information.readBigUInt64LE(0));
}

/**
 * A SID as text, wherever Windows keeps it.
 * @throws WindowsError
 */
export function copied(calls: TokenCalls, sid: Sid): string {
  const bytes = Buffer.alloc(LONGEST_SID);
  if (calls.copySid(bytes.length, bytes, sid) === 0) throw new WindowsError('CopySid', calls.lastError());
  return sidText(sidAt(bytes, 0));
}
