import { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { validateExclusions } from '../../shared/exclusions/validate.js';
import { CliError, ExitCode } from '../exit.js';
import { applyRuleFlags, ruleError, type RuleFlags } from './flags.js';

/*
 * Changes of a list of exclusions by name. All of them leave their arguments alone and throw a CliError that says what to
 * do.
 */

export function withAdded(list: readonly Exclusion[], name: string, flags: RuleFlags): Exclusion[] {
  if (list.some((one) => one.name === name)) {
    throw new CliError(
      ExitCode.REFUSED,
      `there is an exclusion "${name}" already`,
      'take another name, or change it with "cordon exclusion edit"',
    );
  }
  return [...list, checked(applyRuleFlags(Exclusion.fromPartial({ name, direction: 3 }), flags))];
}

/** The rule stays where it is in the list. */
export function withEdited(
  list: readonly Exclusion[],
  name: string,
  flags: RuleFlags & { readonly rename?: string },
): Exclusion[] {
  const index = indexOf(list, name);
  return list.map((one, at) =>
    at === index ? checked(applyRuleFlags({ ...one, name: flags.rename ?? one.name }, flags)) : one,
  );
}

export function withRemoved(list: readonly Exclusion[], names: readonly string[]): Exclusion[] {
  for (const name of names) indexOf(list, name);
  return list.filter(({ name }) => !names.includes(name));
}

export function withDisabled(
  list: readonly Exclusion[],
  names: readonly string[],
  disabled: boolean,
): Exclusion[] {
  for (const name of names) indexOf(list, name);
  return list.map((one) => (names.includes(one.name) ? { ...one, disabled } : one));
}

function checked(exclusion: Exclusion): Exclusion {
  const [broken] = validateExclusions([exclusion], '');
  if (broken) throw ruleError(broken.field, broken.description);
  return exclusion;
}

function indexOf(list: readonly Exclusion[], name: string): number {
  const index = list.findIndex((one) => one.name === name);
  if (index >= 0) return index;
  throw new CliError(
    ExitCode.REFUSED,
    `there is no exclusion "${name}"`,
    '"cordon exclusion list" shows the names',
  );
}
