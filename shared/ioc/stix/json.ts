import { IocDocumentError, overLimit } from '../document-error.js';
import { MAX_JSON_DEPTH } from '../limits.js';

/**
 * Reads JSON whose objects and lists lie at most `MAX_JSON_DEPTH` deep in each other.
 * @throws IocDocumentError with the line where the parser tells it
 */
export function readJson(text: string): unknown {
  checkDepth(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const position = /at position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? undefined : lineOf(text, Number(position));
    throw new IocDocumentError('malformed', 'not well-formed JSON', line);
  }
}

const lineOf = (text: string, position: number): number => text.slice(0, position).split('\n').length;

/** Before anything is built: a million brackets would take half a second and much memory. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (inString) {
      if (character === BACKSLASH) index += 1;
      else if (character === QUOTE) inString = false;
    } else if (character === QUOTE) {
      inString = true;
    } else if (character === OPEN_LIST || character === OPEN_OBJECT) {
      if ((depth += 1) > MAX_JSON_DEPTH) {
        const what = `objects and lists lie more than ${MAX_JSON_DEPTH} deep in each other`;
        throw overLimit(what, lineOf(text, index));
      }
    } else if (character === CLOSE_LIST || character === CLOSE_OBJECT) {
      depth -= 1;
    }
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
