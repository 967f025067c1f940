/** One entry of an access control list. */
export interface Ace {
  /** What it takes away counts for nothing here; a kind that nobody knows counts as giving. */
  readonly denies: boolean;
  /** It is for what is made in the folder, not for the folder. */
  readonly inheritOnly: boolean;
  /** ACCESS_MASK. */
  readonly mask: number;
  /** For example `S-1-5-18`. */
  readonly sid: string;
}

/** Who owns something, and who may do what with it. */
export interface Security {
  readonly owner: string | undefined;
  /** Undefined: there is no list, and everybody may do everything. */
  readonly aces: readonly Ace[] | undefined;
}

const DACL_PRESENT = 0x4;
const INHERIT_ONLY = 0x8;
/** Kinds ACCESS_DENIED, _OBJECT, _CALLBACK and _CALLBACK_OBJECT. */
const DENIES = [1, 6, 10, 12];
/** Kinds that have two GUIDs at most, and flags that say which, in front of the SID. */
const WITH_OBJECT = [5, 6, 11, 12];

/**
 * Reads a self-relative security descriptor.
 * @throws RangeError where it is cut off
 */
export function readSecurity(bytes: Buffer): Security {
  const ownerAt = bytes.readUInt32LE(4);
  const daclAt = bytes.readUInt32LE(16);
  const hasDacl = (bytes.readUInt16LE(2) & DACL_PRESENT) !== 0 && daclAt !== 0;
  return {
    owner: ownerAt === 0 ? undefined : readSid(bytes, ownerAt),
    aces: hasDacl ? readAcl(bytes, daclAt) : undefined,
  };
}

function readAcl(bytes: Buffer, at: number): Ace[] {
  const aces: Ace[] = [];
  let next = at + 8;
  for (let left = bytes.readUInt16LE(at + 4); left > 0; left -= 1) {
    const kind = bytes.readUInt8(next);
    aces.push({
      denies: DENIES.includes(kind),
      inheritOnly: (bytes.readUInt8(next + 1) & INHERIT_ONLY) !== 0,
      mask: bytes.readUInt32LE(next + 4),
      sid: readSid(bytes, next + 8 + (WITH_OBJECT.includes(kind) ? objectSize(bytes, next + 8) : 0)),
    });
    next += bytes.readUInt16LE(next + 2);
  }
  return aces;
}

function objectSize(bytes: Buffer, at: number): number {
  const flags = bytes.readUInt32LE(at);
  return 4 + 16 * ((flags & 1) + ((flags >> 1) & 1));
}

/** @throws RangeError where it is cut off */
export function readSid(bytes: Buffer, at: number): string {
  const count = bytes.readUInt8(at + 1);
  const parts = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(at + 8 + 4 * index));
  return ['S', bytes.readUInt8(at), bytes.readUIntBE(at + 2, 6), ...parts].join('-');
}
