/** Length of a text in characters as people count them (an emoji is one), for limits that both planes keep. */
export function characters(text: string): number {
  return [...text].length;
}
