import { characters } from './characters.js';
import type { Violation } from './errors.js';
import type { LocalReleaseSettings } from './gen/cordon/v1/policy.js';
import { parsePhc } from './password-hash.js';

const MOST_NAMES = 64;
const LONGEST_NAME = 64;

/**
 * What is wrong with the names of trusted detectors; empty if they are in order. Both planes call it, as for settings.
 * @param field path of the list, for example `policy.trusted_detectors`
 */
export function validateDetectors(detectors: readonly string[], field: string): Violation[] {
  return validateNames(detectors, field);
}

/**
 * What is wrong with the settings of a release at the device. A hash that cannot be checked would be found out by whoever
 * needs it, when the network is closed.
 * @param field path of the settings, for example `policy.local_release`
 */
export function validateLocalRelease(
  { passwordHash, users }: LocalReleaseSettings,
  field: string,
): Violation[] {
  const found = validateNames(users, `${field}.users`);
  const parsed = passwordHash === '' ? undefined : parsePhc(passwordHash);
  if (typeof parsed === 'string') found.push({ field: `${field}.password_hash`, description: parsed });
  return found;
}

/** What is wrong with a list of names that people give. */
function validateNames(names: readonly string[], field: string): Violation[] {
  if (names.length > MOST_NAMES) {
    return [{ field, description: `has ${names.length} entries; at most ${MOST_NAMES}` }];
  }
  return names.flatMap((name, index) => {
    const at = `${field}[${index}]`;
    if (name.trim() === '' || characters(name) > LONGEST_NAME || /\p{Cc}/u.test(name)) {
      const description = `must have 1 to ${LONGEST_NAME} characters, none of them a control character`;
      return [{ field: at, description }];
    }
    const first = names.indexOf(name);
    return first < index ? [{ field: at, description: `is the same as ${field}[${first}]` }] : [];
  });
}
