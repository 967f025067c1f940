/**
 * Text from elsewhere on one line: line breaks become spaces and other control characters `?`. A host name or a reason
 * could otherwise move the cursor or change colours of the terminal it is shown on.
 */
export function printable(text: string): string {
  return text.replace(/\s*[\r\n\t]+\s*/g, ' ').replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}
