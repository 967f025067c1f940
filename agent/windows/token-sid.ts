/** Identifiers of Windows accounts: bytes as Windows has them, text as people write them (S-1-5-32-544). */

const AUTHORITY_OFFSET = 2;
const AUTHORITY_BYTES = 6;
const FIRST_PART = AUTHORITY_OFFSET + AUTHORITY_BYTES;
const MOST_PARTS = 15;
/** SECURITY_MAX_SID_SIZE */
export const LONGEST_SID = FIRST_PART + 4 * MOST_PARTS;

/**
 * @param bytes of a SID; more may follow
 * @throws Error where they are none
 */
export function sidText(bytes: Buffer): string {
  const [revision, count = 0] = bytes;
  if (revision !== 1 || count > MOST_PARTS || bytes.length < FIRST_PART + 4 * count) {
    throw new Error('Windows gave a security identifier that is none');
  }
  const parts = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(FIRST_PART + 4 * index));
  return ['S-1', bytes.readUIntBE(AUTHORITY_OFFSET, AUTHORITY_BYTES), ...parts].join('-');
}

/** @throws Error where the text is no SID */
export function sidBytes(text: string): Buffer {
  if (!/^S-1-\d+(-\d+){0,15}$/.test(text)) throw new Error(`${text}: no security identifier`);
  const [authority = 0, ...parts] = text.split('-').slice(2).map(Number);
  const bytes = Buffer.alloc(FIRST_PART + 4 * parts.length);
  bytes.writeUInt8(1, 0);
  bytes.writeUInt8(parts.length, 1);
  bytes.writeUIntBE(authority, AUTHORITY_OFFSET, AUTHORITY_BYTES);
  for (const [index, part] of parts.entries()) bytes.writeUInt32LE(part, FIRST_PART + 4 * index);
  return bytes;
}
