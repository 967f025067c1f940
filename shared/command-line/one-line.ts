/** An error's text on one line: line breaks, with the blanks around them, become semicolons. */
export function oneLine(text: string): string {
  return text.trim().replace(/[;:]?\s*[\r\n]+\s*/g, '; ');
}
