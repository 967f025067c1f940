/** Whether a path is left out, with everything below it. */
export type Excluded = (path: string) => boolean;

/**
 * Paths that are left out: `*` stands for any characters but the separator, `**` for any, `?` for one that is no separator.
 * On Windows case does not count, `/` is `\`, and a path may begin with `\\?\`.
 * @param paths absolute ones
 */
export function excludedBy(paths: readonly string[], platform: NodeJS.Platform): Excluded {
  const windows = platform === 'win32';
  const ready = windows ? plainWindowsPath : (path: string) => path;
  const plain = new Set<string>();
  const patterns: Pattern[] = [];
  for (const path of paths) {
    const text = withoutLastSeparator(ready(path), windows);
    if (/[*?]/.test(text)) patterns.push(patternOf(text, windows ? '\\' : '/'));
    else plain.add(text);
  }
  return (path) => {
    const text = ready(path);
    return plain.has(text) || patterns.some((pattern) => fits(pattern, text));
  };
}

/** As it is compared: without the prefix for long paths, folded. */
export function plainWindowsPath(path: string): string {
  return path
    .replaceAll('/', '\\')
    .replace(/^\\\\\?\\UNC\\/i, '\\\\')
    .replace(/^\\\\\?\\/, '')
    .toLowerCase();
}

function withoutLastSeparator(path: string, windows: boolean): string {
  const cut = windows ? path.replace(/\\+$/, '') : path.replace(/\/+$/, '');
  // `/` and `C:\` stay what they are.
  return cut === '' || (windows && /^[a-z]:$/.test(cut)) ? path : cut;
}

const ANY = Symbol('any characters');
const ANY_IN_NAME = Symbol('any characters but the separator');
const ONE = Symbol('one character but the separator');
type Piece = string | typeof ANY | typeof ANY_IN_NAME | typeof ONE;

interface Pattern {
  /** What stands before the first wildcard: most paths differ there. */
  readonly start: string;
  readonly pieces: readonly Piece[];
  readonly separator: string;
}

function patternOf(text: string, separator: string): Pattern {
  const start = text.slice(0, text.search(/[*?]/));
  const pieces = (text.slice(start.length).match(/\*\*+|\*|\?|[^*?]/gs) ?? []).map((piece): Piece => {
    if (piece === '*') return ANY_IN_NAME;
    if (piece === '?') return ONE;
    return piece.startsWith('**') ? ANY : piece;
  });
  return { start, pieces, separator };
}

/** Goes through the text once with all places of the pattern that it may stand at: no pattern makes it slow. */
function fits({ start, pieces, separator }: Pattern, text: string): boolean {
  if (!text.startsWith(start)) return false;
  let places = new Set<number>();
  const enter = (place: number, into: Set<number>): void => {
    for (let at = place; !into.has(at); at += 1) {
      into.add(at);
      // What stands for any number of characters stands for none too.
      if (pieces[at] !== ANY && pieces[at] !== ANY_IN_NAME) return;
    }
  };
  enter(0, places);
  for (const character of text.slice(start.length)) {
    const next = new Set<number>();
    for (const place of places) {
      const piece = pieces[place];
      if (piece === ANY || (piece === ANY_IN_NAME && character !== separator)) enter(place, next);
      else if (piece === character || (piece === ONE && character !== separator)) enter(place + 1, next);
    }
    if (next.size === 0) return false;
    places = next;
  }
  return places.has(pieces.length);
}
