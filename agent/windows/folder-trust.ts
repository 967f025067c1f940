import type { Ace, Security } from './security-descriptor.js';
import { ADMINISTRATORS, LOCAL_SYSTEM } from './sid.js';

/** Who rules the computer anyway: LocalSystem, Administrators, TrustedInstaller; and whoever owns what is asked for. */
const RULERS = [
  LOCAL_SYSTEM,
  ADMINISTRATORS,
  'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464',
  'S-1-3-0',
  'S-1-3-4',
];

/** FILE_WRITE_DATA, _APPEND_DATA, _WRITE_EA, _DELETE_CHILD, _WRITE_ATTRIBUTES, DELETE, WRITE_DAC, WRITE_OWNER, GENERIC_ALL, _WRITE. */
const CHANGES = 0x500d0156;
/** FILE_DELETE_CHILD, DELETE, WRITE_DAC, WRITE_OWNER, GENERIC_ALL: with any of them another folder can be put in its place. */
const REPLACES = 0x100d0040;
const ANYTHING = 0xffffffff;

/** What nobody else may do: read or change what is in a folder, change it, or put something in its place. */
export type Guard = 'private' | 'unchangeable' | 'irreplaceable';

const MASKS: Readonly<Record<Guard, number>> = {
  private: ANYTHING,
  unchangeable: CHANGES,
  irreplaceable: REPLACES,
};

/**
 * Why a folder cannot be trusted; undefined: it can.
 * @param self SID of the user that asks
 */
export function distrust({ owner, aces }: Security, guard: Guard, self: string): string | undefined {
  const trusted = (sid: string): boolean => sid === self || RULERS.includes(sid);
  if (owner === undefined || !trusted(owner)) return `it belongs to ${owner ?? 'nobody'}`;
  if (aces === undefined) return 'everybody may do everything there';
  const other = aces.find((ace) => gives(ace, guard) && !trusted(ace.sid));
  return other && `${other.sid} has rights there that only administrators may have`;
}

function gives({ denies, inheritOnly, mask }: Ace, guard: Guard): boolean {
  // What is only for things in the folder counts where these are to be trusted, too.
  if (denies || (inheritOnly && guard === 'irreplaceable')) return false;
  return (mask & MASKS[guard]) !== 0;
}
