import { systemLibrary, WindowsError } from './library.js';
import { sidAt } from './sid.js';

const TOKEN_QUERY = 0x8;
/** TOKEN_INFORMATION_CLASS. */
const TOKEN_USER = 1;
const TOKEN_GROUPS = 2;
const SE_GROUP_ENABLED = 0x4;
const ERROR_INSUFFICIENT_BUFFER = 122;

/** A SID of a token, binary, and what it is good for (SE_GROUP_*). */
export interface TokenGroup {
  readonly sid: Buffer;
  readonly attributes: number;
}

/**
 * SID by which this process can be told from others: that of its service, or of its user where it is no service.
 * @param library path of advapi32.dll, for tests
 * @throws WindowsError
 */
export async function processSid(library?: string): Promise<Buffer> {
  const { user, groups } = await readToken(library);
  return serviceSidAmong(groups) ?? user;
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

async function readToken(library?: string): Promise<{ user: Buffer; groups: TokenGroup[] }> {
  const { default: koffi } = await import('koffi');
  const advapi32 = await systemLibrary('advapi32.dll', library);
  const kernel32 = await systemLibrary('kernel32.dll');
  const currentProcess = kernel32.func('void * __stdcall GetCurrentProcess()') as () => bigint;
  const lastError = kernel32.func('uint32_t __stdcall GetLastError()') as () => number;
  const closeHandle = kernel32.func('int __stdcall CloseHandle(void *)') as (handle: bigint) => number;
  const openToken = advapi32.func('int __stdcall OpenProcessToken(void *, uint32_t, _Out_ void **)') as (
    process: bigint,
    access: number,
    token: [bigint | null],
  ) => number;
  const query = advapi32.func(
    'int __stdcall GetTokenInformation(void *, int, _Out_ uint8_t *, uint32_t, _Out_ uint32_t *)',
  ) as (token: bigint, kind: number, into: Buffer | null, size: number, needed: [number]) => number;

  const out: [bigint | null] = [null];
  if (openToken(currentProcess(), TOKEN_QUERY, out) === 0 || out[0] === null) {
    throw new WindowsError('OpenProcessToken', lastError());
  }
  const token = out[0];
  /** Answer of Windows, and the address that pointers in it count from. */
  const ask = (kind: number): { bytes: Buffer; at: bigint } => {
    const needed: [number] = [0];
    query(token, kind, null, 0, needed);
    const code = lastError();
    if (code !== ERROR_INSUFFICIENT_BUFFER) throw new WindowsError('GetTokenInformation', code);
    const bytes = Buffer.alloc(needed[0]);
    if (query(token, kind, bytes, bytes.length, needed) === 0) {
      throw new WindowsError('GetTokenInformation', lastError());
    }
    return { bytes, at: koffi.address(bytes) };
  };
  try {
    const user = ask(TOKEN_USER);
    const groups = ask(TOKEN_GROUPS);
    return { user: pointedSid(user.bytes, 0, user.at), groups: groupsIn(groups.bytes, groups.at) };
  } finally {
    closeHandle(token);
  }
}

/** TOKEN_GROUPS: a count, then pairs of a pointer to a SID and its attributes. */
function groupsIn(bytes: Buffer, at: bigint): TokenGroup[] {
  const FIRST = 8;
  const SIZE = 16;
  return Array.from({ length: bytes.readUInt32LE(0) }, (_, index) => {
    const place = FIRST + index * SIZE;
    return { sid: pointedSid(bytes, place, at), attributes: bytes.readUInt32LE(place + 8) };
  });
}

/** The SID that the pointer at `place` leads to; Windows puts it into the same memory. */
function pointedSid(bytes: Buffer, place: number, at: bigint): Buffer {
  const start = Number(bytes.readBigUInt64LE(place) - at);
  return Buffer.from(sidAt(bytes, start));
}
