/**
 * A word as it is typed in a shell, for commands that a person copies: in quotes where it holds more than letters, digits
 * and a few signs.
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
