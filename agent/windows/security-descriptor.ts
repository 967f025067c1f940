import { SIDS, sidAt, sidText } from './sid.js';

/** Self-relative security descriptors (SECURITY_DESCRIPTOR_RELATIVE of winnt.h): who owns something, and who may do what with it. */

/** One entry of an access list of ours. */
export interface Grant {
  readonly kind: 'allow' | 'deny';
  readonly sid: Buffer;
  /** Access mask. */
  readonly access: number;
}

/** One entry of any access list. */
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

const HEADER = 20;
/** Offsets of owner, group, system list and list; 0: there is none. */
const OFFSETS_AT = [4, 8, 12, 16];
const OWNER_AT = 4;
const LIST_AT = 16;
const SE_DACL_PRESENT = 0x0004;
const SE_DACL_PROTECTED = 0x1000;
const SE_SELF_RELATIVE = 0x8000;

const ACL_HEADER = 8;
const ACE_HEADER = 8;
const ALLOW = 0;
const DENY = 1;
/** Kinds ACCESS_DENIED, _OBJECT, _CALLBACK and _CALLBACK_OBJECT. */
const DENIES = [1, 6, 10, 12];
/** Kinds that have two GUIDs at most, and flags that say which, in front of the SID. */
const WITH_OBJECT = [5, 6, 11, 12];
const INHERIT_ONLY = 0x8;

/**
 * Self-relative security descriptor with this list, entries in the order given, that inherits nothing. An access check
 * wants an owner and a group: administrators, whom both the service and an elevated person may name.
 */
export function securityDescriptor(grants: readonly Grant[]): Buffer {
  const aces = grants.map(({ kind, sid, access }) => {
    const header = Buffer.alloc(ACE_HEADER);
    header.writeUInt8(kind === 'allow' ? ALLOW : DENY, 0);
    header.writeUInt16LE(ACE_HEADER + sid.length, 2);
    header.writeUInt32LE(access, 4);
    return Buffer.concat([header, sid]);
  });
  const acl = Buffer.alloc(ACL_HEADER);
  acl.writeUInt8(2, 0);
  acl.writeUInt16LE(ACL_HEADER + aces.reduce((sum, { length }) => sum + length, 0), 2);
  acl.writeUInt16LE(aces.length, 4);
  const principal = SIDS.administrators;
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(1, 0);
  header.writeUInt16LE(SE_SELF_RELATIVE | SE_DACL_PROTECTED | SE_DACL_PRESENT, 2);
  header.writeUInt32LE(HEADER, OWNER_AT);
  header.writeUInt32LE(HEADER + principal.length, 8);
  header.writeUInt32LE(HEADER + 2 * principal.length, LIST_AT);
  return Buffer.concat([header, principal, principal, acl, ...aces]);
}

/** Whether the memory has the form that Windows walks through: its offsets stay within it. */
export function isWellFormedSecurityDescriptor(descriptor: Buffer): boolean {
  if (descriptor.length < HEADER || descriptor[0] !== 1) return false;
  if ((descriptor.readUInt16LE(2) & SE_SELF_RELATIVE) === 0) return false;
  return OFFSETS_AT.map((at) => descriptor.readUInt32LE(at)).every(
    (offset) => offset === 0 || (offset >= HEADER && offset < descriptor.length),
  );
}

/**
 * The access list of a descriptor as ours are. Undefined: it has none, which grants everything to everybody.
 * @throws RangeError where the bytes are no descriptor, or have entries of a kind that is not understood here
 */
export function grantsOf(descriptor: Buffer): Grant[] | undefined {
  return entriesOf(descriptor)?.map(({ kind, mask, sid }): Grant => {
    if (kind !== ALLOW && kind !== DENY) throw new RangeError(`an entry of kind ${kind} is not understood`);
    return { kind: kind === ALLOW ? 'allow' : 'deny', sid, access: mask };
  });
}

/** Whether a token with these SIDs gets one right, as an access check decides: the first entry that names the right. */
export function allowsAccess(descriptor: Buffer, token: readonly Buffer[], right: number): boolean {
  const grants = grantsOf(descriptor);
  if (grants === undefined) return true;
  const first = grants.find(
    ({ sid, access }) => (access & right) !== 0 && token.some((own) => own.equals(sid)),
  );
  return first?.kind === 'allow';
}

/**
 * Owner and access list of anybody's descriptor, with entries of every kind.
 * @throws RangeError where the bytes are no descriptor, or it is cut off
 */
export function readSecurity(descriptor: Buffer): Security {
  const aces = entriesOf(descriptor)?.map(({ kind, flags, mask, sid }) => ({
    denies: DENIES.includes(kind),
    inheritOnly: (flags & INHERIT_ONLY) !== 0,
    mask,
    sid: sidText(sid),
  }));
  const ownerAt = descriptor.readUInt32LE(OWNER_AT);
  return { owner: ownerAt === 0 ? undefined : sidText(sidAt(descriptor, ownerAt)), aces };
}

interface Entry {
  /** ACCESS_ALLOWED_ACE_TYPE and so on. */
  readonly kind: number;
  readonly flags: number;
  readonly mask: number;
  readonly sid: Buffer;
}

/** Undefined: there is no list. */
function entriesOf(descriptor: Buffer): Entry[] | undefined {
  const control = descriptor.length < HEADER ? 0 : descriptor.readUInt16LE(2);
  if ((control & SE_SELF_RELATIVE) === 0) throw new RangeError('no self-relative security descriptor');
  const start = descriptor.readUInt32LE(LIST_AT);
  if ((control & SE_DACL_PRESENT) === 0 || start === 0) return undefined;
  const entries: Entry[] = [];
  let at = start + ACL_HEADER;
  for (let left = descriptor.readUInt16LE(start + 4); left > 0; left -= 1) {
    const kind = descriptor.readUInt8(at);
    const behind = at + ACE_HEADER;
    entries.push({
      kind,
      flags: descriptor.readUInt8(at + 1),
      mask: descriptor.readUInt32LE(at + 4),
      sid: sidAt(descriptor, behind + (WITH_OBJECT.includes(kind) ? objectSize(descriptor, behind) : 0)),
    });
    at += descriptor.readUInt16LE(at + 2);
  }
  return entries;
}

function objectSize(bytes: Buffer, at: number): number {
  const flags = bytes.readUInt32LE(at);
  return 4 + 16 * ((flags & 1) + ((flags >> 1) & 1));
}
