import { sep } from 'node:path';

/** A path as the file system has it. Bytes where it is not UTF-8 (only outside Windows): they would not survive as text. */
export type RawPath = string | Buffer;

/** Text for people and for comparison: bytes that are no UTF-8 as `\xNN`. */
export function shown(path: RawPath): string {
  if (typeof path === 'string') return path;
  let text = '';
  for (let at = 0; at < path.length;) {
    const length = validLength(path, at);
    if (length === 0) {
      text += `\\x${(path[at] ?? 0).toString(16).padStart(2, '0')}`;
      at += 1;
    } else {
      text += path.toString('utf8', at, at + length);
      at += length;
    }
  }
  return text;
}

/** Path of something in a folder. */
export function inFolder(folder: RawPath, name: RawPath): RawPath {
  if (typeof folder === 'string' && typeof name === 'string') {
    return folder.endsWith(sep) ? folder + name : folder + sep + name;
  }
  const above = Buffer.from(folder);
  const between = above.at(-1) === sep.charCodeAt(0) ? '' : sep;
  return Buffer.concat([above, Buffer.from(between), Buffer.from(name)]);
}

/** Name as text if that keeps it as it is. */
export function rawName(bytes: Buffer): RawPath {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : bytes;
}

/** Order of bytes: the same whether names are text or bytes, and in every process. */
export function compareNames(a: RawPath, b: RawPath): number {
  if (typeof a === 'string' && typeof b === 'string' && !BEYOND.test(a) && !BEYOND.test(b)) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Only from here on UTF-16 and UTF-8 sort differently. */
const BEYOND = /[\ud800-\uffff]/;

/** Plain data of names, as a checkpoint has them. */
export type NameText = string | { readonly base64: string };

export function toNameText(name: RawPath): NameText {
  return typeof name === 'string' ? name : { base64: name.toString('base64') };
}

export function fromNameText(text: NameText): RawPath {
  return typeof text === 'string' ? text : Buffer.from(text.base64, 'base64');
}

/** Length of the UTF-8 character at a place; 0: there is none. */
function validLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const character = bytes.subarray(at, at + length);
  return Buffer.from(character.toString('utf8')).equals(character) ? length : 0;
}
