/**
 * JSON with everything escaped that a terminal obeys or that reorders text: `JSON.stringify` leaves the control characters
 * from U+007F to U+009F, which some terminals take for the start of a command, and changes of the writing direction.
 * @param json as `JSON.stringify` makes it: such characters are in its strings only
 */
export function escapedJson(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, escape);
}

/** The same for YAML, as the `yaml` package makes it: it quotes what holds these, and nothing that holds only others. */
export function escapedYaml(yaml: string): string {
  return yaml.replace(/[\u007f-\u009f]/g, escape);
}

function escape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}
