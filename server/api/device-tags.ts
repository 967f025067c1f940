import { characters } from '../../shared/characters.js';
import type { Violation } from '../../shared/errors.js';

/** Most tags of a device, and of a filter. */
const MOST_TAGS = 64;
const LONGEST_TAG = 64;

/**
 * Rules that tags break: at most 64, each a word or `key=value` of 1 to 64 characters, none twice.
 * @param path field path of the list, for example `device.tags`
 */
export function validateTags(tags: readonly string[], path: string): Violation[] {
  if (tags.length > MOST_TAGS) {
    return [{ field: path, description: `must have at most ${MOST_TAGS} tags; it has ${tags.length}` }];
  }
  return tags.flatMap((tag, index): Violation[] => {
    const description = rule(tag, tags.indexOf(tag), index);
    return description === undefined ? [] : [{ field: `${path}[${index}]`, description }];
  });
}

function rule(tag: string, first: number, index: number): string | undefined {
  const count = characters(tag);
  if (count < 1 || count > LONGEST_TAG) return `must have 1 to ${LONGEST_TAG} characters; it has ${count}`;
  if (/[\s\p{C}]/u.test(tag)) return 'must be a word or key=value, without white space or control characters';
  if (first !== index) return `is there already, as tag number ${first + 1}`;
  return undefined;
}
