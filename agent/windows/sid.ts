import { createHash } from 'node:crypto';

/** Security identifiers of Windows: bytes as Windows has them, text as people write them (S-1-5-32-544). */

/** Revision, count, authority of six bytes. Numbers of four bytes follow. */
const HEADER = 8;
const MOST_NUMBERS = 15;
/** SECURITY_MAX_SID_SIZE, bytes. */
export const LONGEST_SID = sidLength(MOST_NUMBERS);

export const LOCAL_SYSTEM = 'S-1-5-18';
export const ADMINISTRATORS = 'S-1-5-32-544';

/** SIDs that stand in descriptors of ours. */
export const SIDS = {
  everyone: parseSid('S-1-1-0'),
  localSystem: parseSid(LOCAL_SYSTEM),
  administrators: parseSid(ADMINISTRATORS),
} as const;

/**
 * SID of a Windows service: what its process carries in its token, unless its SID type is "none". The service need not
 * exist.
 */
export function serviceSid(name: string): Buffer {
  // Windows makes one character of one: "ß" stays.
  const upper = [...name].map((one) => (one.toUpperCase().length === one.length ? one.toUpperCase() : one));
  const digest = createHash('sha1')
    .update(Buffer.from(upper.join(''), 'utf16le'))
    .digest();
  return sidOf(5, [80, ...[0, 4, 8, 12, 16].map((at) => digest.readUInt32LE(at))]);
}

/** `S-1-5-18`. @throws RangeError where the bytes are no SID */
export function sidText(sid: Buffer): string {
  const { length } = sidAt(sid, 0);
  if (length !== sid.length) throw new RangeError(`${sid.length} bytes are no SID: it has ${length}`);
  const numbers = Array.from({ length: sid.readUInt8(1) }, (_, at) => sid.readUInt32LE(HEADER + at * 4));
  return ['S', 1, sid.readUIntBE(2, 6), ...numbers].join('-');
}

/** Binary form of `S-1-...`, decimal. @throws RangeError where the text is no SID */
export function parseSid(text: string): Buffer {
  const [authority, ...numbers] = /^S-1(?:-\d{1,15})+$/.test(text)
    ? text.split('-').slice(2).map(Number)
    : [];
  const fits =
    authority !== undefined &&
    authority < 2 ** 48 &&
    numbers.length > 0 &&
    numbers.length <= MOST_NUMBERS &&
    numbers.every((number) => number <= 0xffff_ffff);
  if (!fits) throw new RangeError(`"${text}" is not a SID (S-1-5-18, for example)`);
  return sidOf(authority, numbers);
}

/** The SID at an offset, in the same memory; more may follow. @throws RangeError where there is none */
export function sidAt(bytes: Buffer, at: number): Buffer {
  if (bytes.length < at + HEADER || bytes[at] !== 1) throw new RangeError('no SID of revision 1');
  const count = bytes.readUInt8(at + 1);
  const end = at + sidLength(count);
  if (count > MOST_NUMBERS || bytes.length < end) throw new RangeError('the SID is cut off');
  return bytes.subarray(at, end);
}

/** Whether the memory has the form that Windows walks through: its lengths stay within it. */
export function isWellFormedSid(sid: Buffer): boolean {
  const [revision, count] = sid;
  return revision === 1 && count !== undefined && count <= MOST_NUMBERS && sid.length === sidLength(count);
}

/** Bytes of a SID with so many numbers behind its authority. */
export function sidLength(numbers: number): number {
  return HEADER + 4 * numbers;
}

function sidOf(authority: number, numbers: readonly number[]): Buffer {
  const sid = Buffer.alloc(sidLength(numbers.length));
  sid.writeUInt8(1, 0);
  sid.writeUInt8(numbers.length, 1);
  sid.writeUIntBE(authority, 2, 6);
  for (const [at, number] of numbers.entries()) sid.writeUInt32LE(number, HEADER + at * 4);
  return sid;
}
