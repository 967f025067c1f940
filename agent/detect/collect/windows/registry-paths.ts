import type { RootKey } from './registry-calls.js';

/** How documents may write the place of a key: each way is a value of its own. */
export interface KeyNames {
  readonly paths: readonly string[];
  readonly hives: readonly string[];
  readonly keyPaths: readonly string[];
}

/**
 * A key by its names: whole; as a 32-bit program sees it, without `WOW6432Node`; as its user sees it, below
 * `HKEY_CURRENT_USER`; kinds of files and classes below `HKEY_CLASSES_ROOT`. Hives are written as the root alone, or as the root with what is mounted below it.
 */
export function keyNames(root: RootKey, path: string): KeyNames {
  const seen = [{ root: root as string, path }, ...otherViews(root, path)];
  const split = seen.flatMap(({ root: top, path: below }) => {
    const [first = '', ...rest] = below.split('\\');
    return [
      { hive: top, keyPath: below },
      { hive: `${top}\\${first}`, keyPath: rest.join('\\') },
    ];
  });
  return {
    paths: seen.map((view) => `${view.root}\\${view.path}`),
    hives: unique(split.map(({ hive }) => hive)),
    keyPaths: unique(split.map(({ keyPath }) => keyPath)),
  };
}

function otherViews(root: RootKey, path: string): { root: string; path: string }[] {
  const [first = '', second = '', ...rest] = path.split('\\');
  if (root === 'HKEY_USERS') {
    if (!isPerson(first) || second === '') return [];
    return [{ root: 'HKEY_CURRENT_USER', path: [second, ...rest].join('\\') }, ...classes(second, ...rest)];
  }
  const isSmall = second.toUpperCase() === 'WOW6432NODE';
  const small = isSmall ? [{ root, path: [first, ...rest].join('\\') }] : [];
  return [...small, ...classes(first, ...(isSmall ? rest : [second, ...rest]))];
}

function classes(hive: string, folder = '', ...rest: readonly string[]): { root: string; path: string }[] {
  const areClasses = hive.toUpperCase() === 'SOFTWARE' && folder.toUpperCase() === 'CLASSES';
  return areClasses && rest.length > 0 ? [{ root: 'HKEY_CLASSES_ROOT', path: rest.join('\\') }] : [];
}

/** Whether a hive below HKEY_USERS is that of an account: not `.DEFAULT`, not the classes of one. */
export function isPerson(hive: string): boolean {
  return /^S-1-[\d-]+$/i.test(hive);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts.filter((text) => text !== ''))];
}
