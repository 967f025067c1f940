import { caller, systemLibrary, type Handle } from '../../agent/windows/library.js';
import { SIDS } from '../../agent/windows/sid.js';

const TOKEN_DUPLICATE_AND_QUERY_AND_IMPERSONATE = 0x2 | 0x8 | 0x4;

/**
 * Runs `work`, which must not wait, as this user without Administrators: what programs of an administrator are that were not
 * started as administrator.
 */
export async function asLimitedUser<T>(work: () => T): Promise<T> {
  const advapi = caller(await systemLibrary('advapi32.dll'));
  const kernel = caller(await systemLibrary('kernel32.dll'));
  const { default: koffi } = await import('koffi');
  const open = advapi<(process: Handle, access: number, token: [Handle]) => number>(
    'int __stdcall OpenProcessToken(int64_t process, uint32_t access, _Out_ int64_t *token)',
  );
  const current = kernel<() => Handle>('int64_t __stdcall GetCurrentProcess()');
  const restrict = advapi<
    (t: Handle, flags: number, n: number, off: Buffer, a: 0, b: null, c: 0, d: null, out: [Handle]) => number
  >(
    'int __stdcall CreateRestrictedToken(int64_t token, uint32_t flags, uint32_t disable, void *sids, uint32_t remove, void *privileges, uint32_t restrict, void *restricted, _Out_ int64_t *made)',
  );
  const impersonate = advapi<(token: Handle) => number>(
    'int __stdcall ImpersonateLoggedOnUser(int64_t token)',
  );
  const revert = advapi<() => number>('int __stdcall RevertToSelf()');
  const own: [Handle] = [0];
  const limited: [Handle] = [0];
  if (open(current(), TOKEN_DUPLICATE_AND_QUERY_AND_IMPERSONATE, own) === 0)
    throw new Error('OpenProcessToken');

  // SID_AND_ATTRIBUTES; longer than it has to be, so that it stays where it is.
  const entry = Buffer.allocUnsafeSlow(128).fill(0);
  const kept = Buffer.allocUnsafeSlow(128);
  SIDS.administrators.copy(kept);
  entry.writeBigUInt64LE(BigInt(koffi.address(kept)), 0);
  if (restrict(own[0], 0, 1, entry, 0, null, 0, null, limited) === 0)
    throw new Error('CreateRestrictedToken');
  if (impersonate(limited[0]) === 0) throw new Error('ImpersonateLoggedOnUser');
  try {
    return work();
  } finally {
    revert();
  }
}
