/** How much of a value is kept. */
export interface Measure {
  /** Longest text, UTF-16 units. */
  readonly text: number;
  /** Most items of a list. */
  readonly items: number;
  /** Most properties of an object. */
  readonly properties: number;
  /** Levels of lists and objects. */
  readonly levels: number;
}

/** Stands where something was left out. */
const CUT = '...';

/** A copy of plain data that keeps its form and loses its length: what is cut ends in `...`, what lies deeper is `...`. */
export function shrink(value: unknown, measure: Measure, level = 0): unknown {
  if (typeof value === 'string') return cutText(value, measure.text);
  if (typeof value !== 'object' || value === null) return value;
  if (level >= measure.levels) return CUT;
  if (Array.isArray(value)) {
    const kept = value.slice(0, measure.items).map((item) => shrink(item, measure, level + 1));
    return value.length > measure.items ? [...kept, CUT] : kept;
  }
  const all = Object.entries(value);
  const kept = all
    .slice(0, measure.properties)
    .map(([name, part]) => [cutText(name, measure.text), shrink(part, measure, level + 1)] as const);
  return Object.fromEntries(all.length > measure.properties ? [...kept, [CUT, CUT] as const] : kept);
}

/** The start of a text, whole characters only, with `...` where something is missing. */
export function cutText(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return text.slice(0, longest).replace(/[\ud800-\udbff]$/, '') + CUT;
}
