/** Whether the memory has the form that Windows walks through: what is said of its lengths stays within it. */

const SID_HEADER = 8;
const MAX_SUB_AUTHORITIES = 15;

/** SID of winnt.h: revision, count, authority of six bytes, `count` numbers of four. */
export function isWellFormedSid(sid: Buffer): boolean {
  const [revision, count] = sid;
  return (
    revision === 1 && count !== undefined && count <= MAX_SUB_AUTHORITIES && sid.length === sidLength(count)
  );
}

/** Bytes of a SID with so many sub-authorities. */
export function sidLength(subAuthorities: number): number {
  return SID_HEADER + 4 * subAuthorities;
}

const DESCRIPTOR_HEADER = 20;
const SE_SELF_RELATIVE = 0x8000;
/** Offsets of owner, group, SACL and DACL; 0: there is none. */
const OFFSETS_AT = [4, 8, 12, 16];

/** SECURITY_DESCRIPTOR_RELATIVE of winnt.h. */
export function isWellFormedSecurityDescriptor(descriptor: Buffer): boolean {
  if (descriptor.length < DESCRIPTOR_HEADER || descriptor[0] !== 1) return false;
  if ((descriptor.readUInt16LE(2) & SE_SELF_RELATIVE) === 0) return false;
  return OFFSETS_AT.map((at) => descriptor.readUInt32LE(at)).every(
    (offset) => offset === 0 || (offset >= DESCRIPTOR_HEADER && offset < descriptor.length),
  );
}
