import { lstatSync, opendirSync, type Dirent, type Stats } from 'node:fs';
import {
  compareNames,
  fromNameText,
  inFolder,
  rawName,
  shown,
  toNameText,
  type NameText,
  type RawPath,
} from './raw-path.js';
import type { Scope } from './scope.js';

/** `other`: a pipe, a socket or a device, which is never opened. */
export type EntryKind = 'file' | 'folder' | 'link' | 'other';

export interface WalkEntry {
  readonly path: RawPath;
  readonly kind: EntryKind;
}

/** A place in the order of a walk. Plain data. */
export interface WalkPosition {
  readonly root: string;
  /** Names from the root down to the entry. */
  readonly names: readonly NameText[];
}

export interface WalkerParts {
  readonly scope: Scope;
  /** Entries up to this one, itself included, are passed over. */
  readonly after: WalkPosition | undefined;
  readonly problem: (subject: string, detail: string) => void;
  /** Something went away before it was looked at. */
  readonly vanished: () => void;
  /** Most names of one folder that are looked at. Default: 1,000,000. */
  readonly mostNames?: number;
  /** Memory for names, bytes: folders within folders share it, and one may have no more than is left. Default: 150 MB. */
  readonly mostBytes?: number;
}

interface Name {
  readonly name: RawPath;
  readonly kind: EntryKind;
}

/** A folder that is being gone through. */
interface Frame {
  readonly path: RawPath;
  /** As it is in the folder above. */
  readonly name: RawPath;
  readonly names: readonly Name[];
  /** What they take, bytes. */
  readonly bytes: number;
  readonly folders: number;
  at: number;
  foldersDone: number;
  /** Part of the whole walk that lies before this folder, and within it. */
  readonly from: number;
  readonly share: number;
  /** Names of the position to go on after, from here down. */
  after: readonly RawPath[];
}

const MOST_NAMES = 1_000_000;
const MOST_BYTES = 150_000_000;
/** What a name takes beside its characters, about. */
const BYTES_EACH = 100;
/** So many of each folder are looked at, whatever those above it take: paths end before that is too much. */
const FEWEST_NAMES = 100;
const BUFFER_ENTRIES = 512;

/**
 * Goes through folders in the order of their names, a folder before what is in it, so that a scan can go on after any entry.
 * Links are entries like others and are not followed. Keeps only the folders from the root to the entry in memory.
 */
export class Walker {
  private readonly frames: Frame[] = [];
  private rootsDone = 0;
  private root = '';
  private reached = 0;
  /** Place of the last entry, once the folder that it is in has been left. */
  private last: WalkPosition | undefined;

  constructor(private readonly parts: WalkerParts) {}

  /** The next entry; undefined: there are no more. Blocks for as long as the file system takes. */
  next(): WalkEntry | undefined {
    const entry = this.advance();
    if (entry) this.last = undefined;
    return entry;
  }

  private advance(): WalkEntry | undefined {
    for (;;) {
      const frame = this.frames.at(-1);
      if (!frame) {
        const root = this.parts.scope.roots[this.rootsDone];
        if (root === undefined) return undefined;
        const entry = this.beginRoot(root);
        if (entry) return entry;
        continue;
      }
      const next = frame.names[frame.at];
      if (!next) {
        this.last ??= this.position();
        this.frames.pop();
        continue;
      }
      const entry = this.take(frame, next);
      if (entry) return entry;
    }
  }

  /** Where it is: the entry that `next` gave last. */
  position(): WalkPosition {
    if (this.last) return this.last;
    const [, ...below] = this.frames;
    const names = below.map(({ name }) => toNameText(name));
    const last = this.frames.at(-1);
    const entry = last && last.at > 0 ? last.names[last.at - 1] : undefined;
    if (entry) names.push(toNameText(entry.name));
    return { root: this.root, names };
  }

  /** Part of the walk that is done, 0 to 1, never less than before: folders at one level count alike. */
  done(): number {
    const roots = this.parts.scope.roots.length;
    if (roots === 0) return 1;
    const frame = this.frames.at(-1);
    if (!frame) return this.rootsDone / roots;
    // Sums of many small parts go up and down in their last digits.
    this.reached = Math.max(this.reached, Math.min(1, doneIn(frame)));
    return this.reached;
  }

  private beginRoot(root: string): WalkEntry | undefined {
    const { after, problem, scope } = this.parts;
    const from = this.rootsDone / scope.roots.length;
    this.rootsDone += 1;
    const order = after ? compareNames(root, after.root) : 1;
    if (order < 0) return undefined;
    this.root = root;
    const kind = this.kindOfRoot(root);
    if (kind === undefined) return undefined;
    const names = order === 0 ? (after?.names ?? []).map(fromNameText) : [];
    const verdict = scope.enter(root);
    if (!verdict.enter) {
      if (verdict.detail !== undefined) problem(root, verdict.detail);
      return undefined;
    }
    if (kind === 'folder') this.enter(root, root, from, 1 / scope.roots.length, names);
    return order === 0 ? undefined : { path: root, kind };
  }

  private kindOfRoot(root: string): EntryKind | undefined {
    try {
      return kindOf(lstatSync(root));
    } catch (error) {
      this.fail(root, error);
      return undefined;
    }
  }

  private take(frame: Frame, { name, kind }: Name): WalkEntry | undefined {
    frame.at += 1;
    const path = inFolder(frame.path, name);
    const [awaited, ...deeper] = frame.after;
    const order = awaited === undefined ? 1 : compareNames(name, awaited);
    if (order > 0) frame.after = [];
    const isFolder = kind === 'folder';
    const text = shown(path);
    if (order < 0 || this.parts.scope.excluded(text)) {
      if (isFolder) frame.foldersDone += 1;
      return undefined;
    }
    if (isFolder) {
      const verdict = this.parts.scope.enter(text);
      const share = frame.share / (frame.folders + 1);
      const from = doneIn(frame, 1);
      frame.foldersDone += 1;
      if (!verdict.enter) {
        if (verdict.detail !== undefined && order > 0) this.parts.problem(text, verdict.detail);
        return undefined;
      }
      this.enter(path, name, from, share, order === 0 ? deeper : []);
    }
    return order === 0 ? undefined : { path, kind };
  }

  private enter(path: RawPath, name: RawPath, from: number, share: number, after: readonly RawPath[]): void {
    let names: Name[] = [];
    try {
      names = this.list(path);
    } catch (error) {
      this.fail(path, error);
    }
    const folders = names.filter(({ kind }) => kind === 'folder').length;
    const bytes = names.reduce((sum, each) => sum + bytesOf(each), 0);
    this.frames.push({ path, name, names, bytes, folders, at: 0, foldersDone: 0, from, share, after });
  }

  private list(path: RawPath): Name[] {
    const names = this.read(path, 'utf8');
    // A name that is not UTF-8 shows itself by the sign for what cannot be shown.
    const exact = names.some(({ name }) => name.includes('\ufffd')) ? this.read(path, 'buffer') : names;
    return exact.sort((a, b) => compareNames(a.name, b.name));
  }

  private read(path: RawPath, encoding: 'utf8' | 'buffer'): Name[] {
    const { mostNames: most = MOST_NAMES, mostBytes = MOST_BYTES } = this.parts;
    let left = this.frames.reduce((rest, { bytes }) => rest - bytes, mostBytes);
    const names: Name[] = [];
    // Node's types know this option for text only.
    const folder = opendirSync(path, { encoding: encoding as 'utf8', bufferSize: BUFFER_ENTRIES });
    try {
      for (let entry = folder.readSync(); entry; entry = folder.readSync()) {
        if (names.length === most || (left <= 0 && names.length >= FEWEST_NAMES)) {
          this.parts.problem(shown(path), `has more than ${names.length} names; the rest was not looked at`);
          break;
        }
        const raw = entry.name as string | Buffer;
        const name = { name: typeof raw === 'string' ? raw : rawName(raw), kind: kindOf(entry) };
        left -= bytesOf(name);
        names.push(name);
      }
    } finally {
      folder.closeSync();
    }
    return names;
  }

  private fail(path: RawPath, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') this.parts.vanished();
    else this.parts.problem(shown(path), readable(code, message));
  }
}

function bytesOf({ name }: Name): number {
  return BYTES_EACH + name.length;
}

/** Part of the walk that is done, in a folder. @param begun folders that are begun and not yet counted */
function doneIn({ names, folders, at, foldersDone, from, share }: Frame, begun = 0): number {
  const others = names.length - folders;
  const othersDone = others === 0 ? 0 : (at - foldersDone - begun) / others;
  return from + (share * (foldersDone + othersDone)) / (folders + 1);
}

/** Why something could not be read, for people. */
export function readable(code: string | undefined, message: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'may not be read';
    case 'ENAMETOOLONG':
      return 'has a path longer than the system takes';
    case 'EBUSY':
      return 'is in use by another program';
    case 'EIO':
      return 'cannot be read: the disk fails';
    default:
      return `cannot be read: ${code ?? message}`;
  }
}

function kindOf(entry: Dirent | Stats): EntryKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
