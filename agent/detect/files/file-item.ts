import { lstatSync, type Stats } from 'node:fs';
import { HASH_TERMS } from '../match/stages.js';
import { PE_TERMS } from '../pe/read-pe.js';
import type { Value } from '../item.js';
import { shown, type RawPath } from './raw-path.js';

export type Values = readonly (readonly [string, readonly Value[]])[];

/** What of a file each platform finds out in its own way. */
export interface FileFacts {
  /** Terms that it can tell, for example `FileItem/Username`. */
  readonly terms: ReadonlySet<string>;
  /** Only what is asked for. @throws Error of the file system */
  about(path: RawPath, stats: Stats, asked: ReadonlySet<string>): Values | Promise<Values>;
}

const NAME_TERMS = ['FullPath', 'FilePath', 'FileName', 'FileExtension'];
const STAT_TERMS = ['SizeInBytes', 'Created', 'Modified', 'Accessed', 'Changed'];

/** Terms that can be told of files on this platform. */
export function fileTerms(facts: FileFacts, platform: NodeJS.Platform): ReadonlySet<string> {
  const names = [...NAME_TERMS, ...STAT_TERMS, ...(platform === 'win32' ? ['Drive'] : [])];
  return new Set([
    ...names.map((name) => `FileItem/${name}`),
    ...facts.terms,
    ...PE_TERMS,
    ...HASH_TERMS.keys(),
  ]);
}

/**
 * What the path of a file tells. FilePath is the folder, FileExtension comes without its dot, Drive as a letter.
 * @param asked undefined: everything
 */
export function nameValues(
  path: RawPath,
  platform: NodeJS.Platform,
  asked?: ReadonlySet<string>,
): [string, readonly Value[]][] {
  const full = shown(path);
  const end = Math.max(full.lastIndexOf('/'), platform === 'win32' ? full.lastIndexOf('\\') : -1);
  const name = full.slice(end + 1);
  const folder = full.slice(0, end) || full.slice(0, end + 1);
  const dot = name.lastIndexOf('.');
  const drive = platform === 'win32' ? /^([a-z]):/i.exec(full)?.[1] : undefined;
  const all: [string, string | undefined][] = [
    ['FileItem/FullPath', full],
    ['FileItem/FilePath', folder],
    ['FileItem/FileName', name],
    // A name that only begins with a dot has no extension.
    ['FileItem/FileExtension', dot > 0 ? name.slice(dot + 1) : undefined],
    ['FileItem/Drive', drive],
  ];
  return all.flatMap(([term, value]): [string, readonly Value[]][] =>
    value && (!asked || asked.has(term)) ? [[term, [value]]] : [],
  );
}

/** What the file system tells of a file. @throws Error of the file system */
export function statOf(path: RawPath): Stats {
  return lstatSync(path);
}

/** @param isFile a folder has no size that means anything */
export function statValues(stats: Stats): [string, readonly Value[]][] {
  const values: [string, readonly Value[]][] = [
    // File systems keep nanoseconds; the last whole millisecond is what a second or a millisecond in a document has in it.
    ['FileItem/Modified', [Math.floor(stats.mtimeMs)]],
    ['FileItem/Accessed', [Math.floor(stats.atimeMs)]],
    ['FileItem/Changed', [Math.floor(stats.ctimeMs)]],
  ];
  if (stats.isFile()) values.push(['FileItem/SizeInBytes', [stats.size]]);
  // Not every file system keeps it.
  if (stats.birthtimeMs > 0) values.push(['FileItem/Created', [Math.floor(stats.birthtimeMs)]]);
  return values;
}
