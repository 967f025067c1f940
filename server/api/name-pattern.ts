/**
 * Tells whether a name fits a pattern: `*` is any characters, `?` is one, everything else is itself. Upper and lower case
 * are the same, as in host names. The time is at most the product of both lengths, whatever the pattern: a regular
 * expression made of it could take for ever.
 */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const wanted = [...pattern.toLowerCase()];
  return (name) => fits([...name.toLowerCase()], wanted);
}

function fits(name: readonly string[], pattern: readonly string[]): boolean {
  let at = 0;
  let place = 0;
  /** Where to go on when what follows the latest `*` does not fit: that star takes one character more. */
  let star: { readonly place: number; readonly at: number } | undefined;
  while (at < name.length) {
    const wanted = pattern[place];
    if (wanted === '*') {
      star = { place, at };
      place += 1;
    } else if (wanted === '?' || wanted === name[at]) {
      at += 1;
      place += 1;
    } else if (star) {
      star = { place: star.place, at: star.at + 1 };
      at = star.at;
      place = star.place + 1;
    } else {
      return false;
    }
  }
  return pattern.slice(place).every((rest) => rest === '*');
}
