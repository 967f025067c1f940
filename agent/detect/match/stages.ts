/**
 * What finding out a property of a file costs, from little to much. A stage is only reached for a file for which some
 * document is still open.
 */
export const NAME = 0;
export const STAT = 1;
export const PROGRAM = 2;
export const HASH = 3;
/** Items that are no files are known as a whole. */
export const NO_STAGE = NAME;
export type Stage = typeof NAME | typeof STAT | typeof PROGRAM | typeof HASH;

const NAMES: ReadonlySet<string> = new Set(
  ['FullPath', 'FilePath', 'FileName', 'FileExtension', 'Drive'].map((name) => `FileItem/${name}`),
);

export const HASH_ALGORITHMS = ['md5', 'sha1', 'sha256'] as const;
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number];

/** Terms of files that are hashes. */
export const HASH_TERM_OF: Readonly<Record<HashAlgorithm, string>> = {
  md5: 'FileItem/Md5sum',
  sha1: 'FileItem/Sha1sum',
  sha256: 'FileItem/Sha256sum',
};
export const HASH_TERMS: ReadonlyMap<string, HashAlgorithm> = new Map(
  HASH_ALGORITHMS.map((algorithm) => [HASH_TERM_OF[algorithm], algorithm]),
);

/** @param term of a file, for example `FileItem/PEInfo/Subsystem` */
export function stageOf(term: string): Stage {
  if (NAMES.has(term)) return NAME;
  if (HASH_TERMS.has(term)) return HASH;
  return term.startsWith('FileItem/PEInfo/') ? PROGRAM : STAT;
}
