/**
 * Characters that a terminal or a desktop obeys in place of showing them: control characters of both sets, changes of the
 * writing direction, which can make a text read as another one, and halves of characters.
 */
const OBEYED = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text from the network as one line of at most `longest` characters. */
export function cleanLine(text: string, longest: number): string {
  return [...text.replace(/\s+/gu, ' ').replace(OBEYED, '').trim()].slice(0, longest).join('');
}

/** Text from the network as lines of at most `longest` characters together; none, if there is nothing to read in it. */
export function cleanText(text: string, longest: number): string[] {
  const lines = [...text]
    .slice(0, longest)
    .join('')
    .split(/\r\n|\r|\n/);
  const cleaned = lines.map((line) => cleanLine(line, longest));
  return cleaned.some((line) => line !== '') ? cleaned : [];
}

/** Folds lines at spaces so that none is wider than `width`; a longer word is cut. */
export function folded(lines: readonly string[], width: number): string[] {
  return lines.flatMap((line) => {
    const out: string[] = [];
    let current = '';
    for (const word of line.split(' ').flatMap((whole) => pieces(whole, width))) {
      if (current !== '' && length(current) + 1 + length(word) > width) {
        out.push(current);
        current = word;
      } else {
        current = current === '' ? word : `${current} ${word}`;
      }
    }
    return [...out, current];
  });
}

function pieces(word: string, width: number): string[] {
  const characters = [...word];
  const count = Math.max(1, Math.ceil(characters.length / width));
  return Array.from({ length: count }, (_, index) =>
    characters.slice(index * width, (index + 1) * width).join(''),
  );
}

const length = (text: string): number => [...text].length;
