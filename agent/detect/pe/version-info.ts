import type { BoundedFile } from './bounded-file.js';
import type { PeHeaders } from './headers.js';
import { languageName } from './languages.js';

/** Strings of a program's version resource: a name, such as `FileDescription`, and its value. */
export type VersionStrings = readonly (readonly [name: string, value: string])[];

const RT_VERSION = 16;
const SUBFOLDER = 0x8000_0000;
/** Kinds of resources of one program. */
const MOST_KINDS = 4096;
/** Version resources of one program, by name and by language, and bytes of one. */
const MOST_RESOURCES = 64;
const LARGEST_RESOURCE = 64 * 1024;

/** Strings of all languages, with `Language` for each of them. */
export function readVersionStrings(file: BoundedFile, headers: PeHeaders): VersionStrings {
  const root = headers.resources && headers.offsetOf(headers.resources.address);
  if (root === undefined) return [];
  // Three levels, whatever the file says: kind, name, language.
  const versions = folderEntries(file, root, 0, MOST_KINDS).find(({ id }) => id === RT_VERSION);
  const names = versions ? folderEntries(file, root, versions.place, MOST_RESOURCES) : [];
  return names
    .flatMap(({ place }) => folderEntries(file, root, place, MOST_RESOURCES))
    .slice(0, MOST_RESOURCES)
    .flatMap(({ place }) => resourceStrings(file, headers, root + place));
}

interface FolderEntry {
  readonly id: number;
  /** Place behind the root, without the mark of a folder. */
  readonly place: number;
}

function folderEntries(file: BoundedFile, root: number, place: number, most: number): FolderEntry[] {
  const header = file.bytes(root + place, 16);
  if (!header) return [];
  const count = Math.min(header.readUInt16LE(12) + header.readUInt16LE(14), most);
  const rows = file.bytes(root + place + 16, count * 8);
  if (!rows) return [];
  return Array.from({ length: count }, (_, index) => ({
    id: rows.readUInt32LE(index * 8),
    place: rows.readUInt32LE(index * 8 + 4) % SUBFOLDER,
  }));
}

function resourceStrings(file: BoundedFile, headers: PeHeaders, leaf: number): VersionStrings {
  const row = file.bytes(leaf, 16);
  const at = row && headers.offsetOf(row.readUInt32LE(0));
  const bytes =
    at === undefined ? undefined : file.bytes(at, Math.min(row?.readUInt32LE(4) ?? 0, LARGEST_RESOURCE));
  return bytes ? versionStrings(bytes) : [];
}

/** A block of a version resource: length, length of its value, kind, key, value, and blocks inside it. */
interface Block {
  readonly key: string;
  /** What comes behind the key. */
  readonly body: Buffer;
}

/** Strings in VS_VERSIONINFO. */
export function versionStrings(bytes: Buffer): VersionStrings {
  const [whole] = blocksIn(bytes, 0);
  if (whole?.key !== 'VS_VERSION_INFO') return [];
  // Its own value is of fixed length, where it has one.
  const fixed = bytes.readUInt16LE(2);
  const tables = blocksIn(whole.body, aligned(fixed)).filter(({ key }) => key === 'StringFileInfo');
  return tables
    .flatMap(({ body }) => blocksIn(body, 0))
    .flatMap(({ key, body }) => [
      ['Language', languageName(Number.parseInt(key.slice(0, 4), 16))] as const,
      ...blocksIn(body, 0).map((block) => [block.key, textIn(block.body)] as const),
    ]);
}

function blocksIn(bytes: Buffer, start: number): Block[] {
  const blocks: Block[] = [];
  for (let at = start; at + 6 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 8) break;
    const block = bytes.subarray(at, at + length);
    const key = textIn(block.subarray(6));
    blocks.push({ key, body: block.subarray(aligned(6 + 2 * (key.length + 1))) });
    at += aligned(length);
  }
  return blocks;
}

/** UTF-16 up to a zero. */
function textIn(bytes: Buffer): string {
  return bytes.toString('utf16le', 0, bytes.length - (bytes.length % 2)).replace(/\0[^]*$/, '');
}

function aligned(place: number): number {
  return (place + 3) & ~3;
}
