import { systemLibrary, WindowsError } from './library.js';
import { caller, type Address } from './pipe-calls.js';

/**
 * Owner and primary group Administrators; a list that inherits nothing and lets LocalSystem and Administrators do everything,
 * nobody else anything. Only an administrator may give an object that owner, so the owner proves who made the pipe.
 */
export const ADMINISTRATORS_ONLY = 'O:BAG:BAD:P(A;;GA;;;SY)(A;;GA;;;BA)';

const SDDL_REVISION_1 = 1;
/** `sizeof(SECURITY_ATTRIBUTES)` of 64-bit Windows: length, descriptor, whether child processes inherit the handle. */
const ATTRIBUTES_BYTES = 24;
const DESCRIPTOR_OFFSET = 8;

type Convert = (sddl: string, revision: number, descriptor: [Address], size: null) => number;

/** Security attributes for a call. `free` after the last call that takes them. */
export interface SecurityAttributes {
  readonly bytes: Buffer;
  free(): void;
}

/**
 * @param sddl security descriptor as text
 * @throws WindowsError
 */
export async function securityAttributes(sddl: string): Promise<SecurityAttributes> {
  const [advapi, kernel] = [await systemLibrary('advapi32.dll'), await systemLibrary('kernel32.dll')];
  const convert = caller(advapi)<Convert>(
    'int __stdcall ConvertStringSecurityDescriptorToSecurityDescriptorW(str16 sddl, uint32_t revision, _Out_ void **descriptor, void *size)',
  );
  const lastError = caller(kernel)<() => number>('uint32_t __stdcall GetLastError()');
  const localFree = caller(kernel)<(memory: Address) => Address>('void * __stdcall LocalFree(void *memory)');
  const out: [Address] = [null];
  if (convert(sddl, SDDL_REVISION_1, out, null) === 0 || out[0] === null) {
    throw new WindowsError('ConvertStringSecurityDescriptorToSecurityDescriptorW', lastError());
  }
  const [descriptor] = out;
  const bytes = Buffer.alloc(ATTRIBUTES_BYTES);
  bytes.writeUInt32LE(ATTRIBUTES_BYTES, 0);
  bytes.writeBigUInt64LE(descriptor, DESCRIPTOR_OFFSET);
  return { bytes, free: () => void localFree(descriptor) };
}
