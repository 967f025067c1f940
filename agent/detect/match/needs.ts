import { HASH, HASH_TERMS, NAME, PROGRAM, STAT, type HashAlgorithm, type Stage } from './stages.js';

/** What has to be found out about a file, as bits. 0: nothing. */
export const NEEDS_STAT = 1;
export const NEEDS_PROGRAM = 2;
const NEEDS_HASH: Readonly<Record<HashAlgorithm, number>> = { md5: 4, sha1: 8, sha256: 16 };

/** Everything that is found out from a file's content. */
export const NEEDS_CONTENT = NEEDS_PROGRAM | NEEDS_HASH.md5 | NEEDS_HASH.sha1 | NEEDS_HASH.sha256;

/** Whether a hash is among what is needed. */
export function needsHash(needs: number, algorithm: HashAlgorithm): boolean {
  return (needs & NEEDS_HASH[algorithm]) !== 0;
}

/** Bit of the stage or the hash that tells a term. */
export function needOf(term: string, stage: Stage): number {
  switch (stage) {
    case NAME:
      return 0;
    case STAT:
      return NEEDS_STAT;
    case PROGRAM:
      return NEEDS_PROGRAM;
    case HASH:
      return NEEDS_HASH[HASH_TERMS.get(term) ?? 'md5'];
  }
}

/** Of what is needed, what costs least: the rest may turn out not to be needed. */
export function cheapestOf(needs: number): number {
  if (needs & NEEDS_STAT) return NEEDS_STAT;
  return needs & NEEDS_PROGRAM ? NEEDS_PROGRAM : needs;
}
