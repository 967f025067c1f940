import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, sep } from 'node:path';
import { excludedBy, plainWindowsPath, type Excluded } from './exclusions.js';
import { kindOf, mountOf, seenElsewhere, type Mount } from './mounts.js';
import { compareNames } from './raw-path.js';

/** What becomes of a folder that a walk comes to. */
export type Entry = { readonly enter: true } | { readonly enter: false; readonly detail: string | undefined };

/** Where a scan goes. */
export interface Scope {
  /** In the order of the walk, none within another. */
  readonly roots: readonly string[];
  readonly excluded: Excluded;
  /** Whether a folder is gone into. Without a detail, nobody needs to know that it is not. */
  enter(folder: string): Entry;
}

export interface ScopeParts {
  readonly platform: NodeJS.Platform;
  readonly folders: readonly string[];
  /** Those of `folders` that somebody asked for by name: it is said if one does not exist. */
  readonly wanted: ReadonlySet<string>;
  readonly excludedPaths: readonly string[];
  readonly networkFileSystems: boolean;
  readonly mounts: readonly Mount[];
  readonly problem: (subject: string, detail: string) => void;
}

const ENTER: Entry = { enter: true };

/** Works out where a scan goes. A root that is a link is followed once; no other link is. */
export function scopeOf(parts: ScopeParts): Scope {
  const { platform, mounts, networkFileSystems } = parts;
  const excluded = excludedBy(parts.excludedPaths, platform);
  const roots = rootsOf(parts).filter((root) => !excluded(root));
  const inScope = (path: string): boolean =>
    roots.some((root) => isWithin(path, root, platform)) && !aboveOf(path).some(excluded);
  const elsewhere = seenElsewhere(
    mounts.filter((mount) => kindOf(mount) === 'local'),
    inScope,
  );
  const byPoint = new Map(mounts.map((mount) => [mount.point, mount]));
  const judge = (mount: Mount | undefined, explain: boolean): Entry => {
    const kind = mount ? kindOf(mount) : 'local';
    if (kind === 'pseudo') {
      return {
        enter: false,
        detail: explain ? `is a view of the system (${mount?.type}), not files` : undefined,
      };
    }
    if (kind === 'network' && !networkFileSystems) {
      return {
        enter: false,
        detail: `is a network file system (${mount?.type}), which this scan leaves out`,
      };
    }
    return ENTER;
  };
  const isRoot = new Set(roots);
  return {
    roots,
    excluded,
    enter: (folder) => {
      const mount = byPoint.get(folder);
      if (!mount && !isRoot.has(folder)) return ENTER;
      if (platform === 'win32' && isOfAnotherComputer(folder) && !networkFileSystems) {
        return { enter: false, detail: 'is on another computer, which this scan leaves out' };
      }
      if (elsewhere.has(folder)) return { enter: false, detail: undefined };
      return judge(mount ?? mountOf(folder, mounts), isRoot.has(folder));
    },
  };
}

function rootsOf({ folders, wanted, platform, problem }: ScopeParts): string[] {
  const found = new Map<string, string>();
  for (const folder of folders) {
    if (!isAbsolute(folder)) {
      problem(folder, 'is not an absolute path');
      continue;
    }
    try {
      const root = realpathSync.native(folder);
      lstatSync(root);
      found.set(keyOf(root, platform), root);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const absent = code === 'ENOENT' || code === 'ENOTDIR';
      if (!absent || wanted.has(folder)) problem(folder, absent ? 'does not exist' : message);
    }
  }
  const roots = [...found.values()];
  return roots
    .filter((root) => !roots.some((other) => other !== root && isWithin(root, other, platform)))
    .sort(compareNames);
}

function keyOf(path: string, platform: NodeJS.Platform): string {
  return platform === 'win32' ? plainWindowsPath(path) : path;
}

function isWithin(path: string, folder: string, platform: NodeJS.Platform): boolean {
  const [inside, outside] = [keyOf(path, platform), keyOf(folder, platform)];
  return inside === outside || inside.startsWith(outside.endsWith(sep) ? outside : outside + sep);
}

/** On Windows: `\\server\share`, which the path of a network drive becomes once its links are resolved. */
export function isOfAnotherComputer(path: string): boolean {
  return /^\\\\(?!\.\\)/.test(plainWindowsPath(path));
}

/** The path and all folders above it. */
function aboveOf(path: string): string[] {
  const all = [path];
  for (let at = path.lastIndexOf(sep); at > 0; at = path.lastIndexOf(sep, at - 1))
    all.push(path.slice(0, at));
  return all;
}
