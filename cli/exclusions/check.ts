import { isMap, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { standardProfiles } from '../../shared/exclusions/profiles.js';
import { validateExclusions } from '../../shared/exclusions/validate.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { expandEntries } from '../document/merge.js';
import { readDocument } from '../document/read.js';
import { exclusionList, policyFile, taskFile, type ExclusionEntry } from '../document/schema.js';
import { CliError, ExitCode } from '../exit.js';

/**
 * Exclusions of a file: a bare list, a list under `exclusions`, or a policy or a task as `apply` takes it.
 * @throws CliError that names each rule that is broken
 */
export function readExclusions(text: string, name: string): Exclusion[] {
  const exclusions = expandEntries(readEntries(text, name), [], standardProfiles());
  const [broken] = validateExclusions(exclusions, 'exclusions');
  if (!broken) return exclusions;
  throw new CliError(
    ExitCode.USAGE,
    `${name}: ${broken.field}: ${broken.description}`,
    'correct the file and try again',
  );
}

function readEntries(text: string, name: string): readonly ExclusionEntry[] {
  const { contents } = parseDocument(text);
  if (isSeq(contents)) return readDocument(text, name, exclusionList);
  if (isMap(contents) && contents.has('policy')) {
    return readDocument(text, name, z.strictObject({ policy: policyFile })).policy.exclusions ?? [];
  }
  if (isMap(contents) && contents.has('task')) {
    return readDocument(text, name, z.strictObject({ task: taskFile })).task.exclusions ?? [];
  }
  return readDocument(text, name, z.strictObject({ exclusions: exclusionList })).exclusions;
}
