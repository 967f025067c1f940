import { ENUM_SERVICE_STATUS_PROCESSW } from './layout.js';

/** Names of the services that run in each process, by its id. */
export type ServicesByPid = ReadonlyMap<number, readonly string[]>;

/** Longest name of a service, characters [winsvc.h]. */
const MAX_NAME = 256;

/**
 * Adds what EnumServicesStatusExW wrote. Names that do not lie inside the buffer are left out: their service then owns
 * nothing.
 * @param buffer as Windows filled it
 * @param base address of the buffer, which its pointers are relative to
 * @param count rows in it
 */
export function readServices(into: Map<number, string[]>, buffer: Buffer, base: bigint, count: number): void {
  const { size, fields } = ENUM_SERVICE_STATUS_PROCESSW;
  for (let index = 0; index < count && (index + 1) * size <= buffer.length; index += 1) {
    const row = buffer.subarray(index * size, (index + 1) * size);
    const pid = row.readUInt32LE(fields['ServiceStatusProcess.dwProcessId'].offset);
    const name = wideText(buffer, row.readBigUInt64LE(fields.lpServiceName.offset) - base);
    if (pid === 0 || name === undefined) continue;
    into.set(pid, [...(into.get(pid) ?? []), name]);
  }
}

function wideText(buffer: Buffer, offset: bigint): string | undefined {
  if (offset < 0n || offset >= BigInt(buffer.length)) return undefined;
  const text = buffer.toString('utf16le', Number(offset), Number(offset) + 2 * (MAX_NAME + 1));
  const end = text.indexOf('\0');
  return end === -1 ? undefined : text.slice(0, end);
}

/** Most that one call takes, bytes [EnumServicesStatusExW]. */
const CHUNK = 256 * 1024;
/** Chunks that are read: some ten thousand services. */
const MAX_CHUNKS = 32;

/** What one call of EnumServicesStatusExW came to. */
export type Chunk =
  | { readonly kind: 'failed' }
  /** `more`: there are more, and `resume` is where the next call goes on. */
  | { readonly kind: 'all' | 'more'; readonly count: number; readonly resume: number };

/**
 * Reads the list of active services to its end.
 * @param enumerate fills the buffer with services from `resume` on
 * @throws Error when a call fails, or the list has no end
 */
export async function collectServices(
  enumerate: (buffer: Buffer, resume: number) => Promise<Chunk>,
  addressOf: (buffer: Buffer) => bigint,
): Promise<ServicesByPid> {
  const services = new Map<number, string[]>();
  const buffer = Buffer.alloc(CHUNK);
  let resume = 0;
  for (let chunk = 0; chunk < MAX_CHUNKS; chunk += 1) {
    const found = await enumerate(buffer, resume);
    if (found.kind === 'failed') throw new Error('the services cannot be listed');
    readServices(services, buffer, addressOf(buffer), found.count);
    if (found.kind === 'all') return services;
    resume = found.resume;
  }
  throw new Error('there are more services than there can be');
}
