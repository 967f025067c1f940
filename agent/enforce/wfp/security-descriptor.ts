import { SIDS, sidLength } from './sid.js';

/** One entry of an access list. */
export interface Grant {
  readonly kind: 'allow' | 'deny';
  readonly sid: Buffer;
  /** Access mask. */
  readonly access: number;
}

const ALLOW = 0;
const DENY = 1;
const SE_DACL_PRESENT = 0x0004;
const SE_DACL_PROTECTED = 0x1000;
const SE_SELF_RELATIVE = 0x8000;
const HEADER = 20;
const ACL_HEADER = 8;
const ACE_HEADER = 8;

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
  header.writeUInt32LE(HEADER, 4);
  header.writeUInt32LE(HEADER + principal.length, 8);
  header.writeUInt32LE(HEADER + 2 * principal.length, 16);
  return Buffer.concat([header, principal, principal, acl, ...aces]);
}

/**
 * The access list of a self-relative descriptor. Undefined: it has none, which grants everything to everybody.
 * @throws RangeError where the bytes are no descriptor, or have entries of a kind that is not understood here
 */
export function grantsOf(descriptor: Buffer): Grant[] | undefined {
  const control = descriptor.length < HEADER ? 0 : descriptor.readUInt16LE(2);
  if ((control & SE_SELF_RELATIVE) === 0) throw new RangeError('no self-relative security descriptor');
  const start = descriptor.readUInt32LE(16);
  if ((control & SE_DACL_PRESENT) === 0 || start === 0) return undefined;
  const grants: Grant[] = [];
  const count = descriptor.readUInt16LE(start + 4);
  let at = start + ACL_HEADER;
  for (let index = 0; index < count; index += 1) {
    const type = descriptor.readUInt8(at);
    if (type !== ALLOW && type !== DENY) throw new RangeError(`an entry of kind ${type} is not understood`);
    const sid = descriptor.subarray(
      at + ACE_HEADER,
      at + ACE_HEADER + sidLength(descriptor, at + ACE_HEADER),
    );
    const kind = type === ALLOW ? 'allow' : 'deny';
    grants.push({ kind, sid, access: descriptor.readUInt32LE(at + 4) });
    at += descriptor.readUInt16LE(at + 2);
  }
  return grants;
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
