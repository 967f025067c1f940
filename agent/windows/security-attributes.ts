import { caller, lastErrorCall, systemLibrary, WindowsError, type Address } from './library.js';

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
  return (await attributesMaker())(sddl);
}

/** The same for those who cannot wait. */
export async function attributesMaker(): Promise<(sddl: string) => SecurityAttributes> {
  const [advapi, kernel] = [await systemLibrary('advapi32.dll'), await systemLibrary('kernel32.dll')];
  const convert = caller(advapi)<Convert>(
    'int __stdcall ConvertStringSecurityDescriptorToSecurityDescriptorW(str16 sddl, uint32_t revision, _Out_ void **descriptor, void *size)',
  );
  const lastError = lastErrorCall(kernel);
  const localFree = caller(kernel)<(memory: Address) => Address>('void * __stdcall LocalFree(void *memory)');
  return (sddl) => {
    const out: [Address] = [null];
    if (convert(sddl, SDDL_REVISION_1, out, null) === 0 || out[0] === null) {
      throw new WindowsError('ConvertStringSecurityDescriptorToSecurityDescriptorW', lastError());
    }
    const [descriptor] = out;
    const bytes = Buffer.alloc(ATTRIBUTES_BYTES);
    bytes.writeUInt32LE(ATTRIBUTES_BYTES, 0);
    bytes.writeBigUInt64LE(descriptor, DESCRIPTOR_OFFSET);
    return { bytes, free: () => void localFree(descriptor) };
  };
}
