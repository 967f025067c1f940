import type { Form, FormValue } from './form.js';

/** One difference between what the server has and what a file says. */
export type Change =
  | {
      readonly kind: 'set';
      readonly key: string;
      readonly from: FormValue | undefined;
      readonly to: FormValue | undefined;
    }
  | { readonly kind: 'added'; readonly name: string; readonly rule: Form }
  | { readonly kind: 'removed'; readonly name: string; readonly rule: Form }
  | { readonly kind: 'changed'; readonly name: string; readonly changes: readonly Change[] };

/** The one block whose keys are compared one by one. */
const BLOCK = 'local_release';

/**
 * What has to change for `from` to become `to`: first the settings, then the exclusions by name. Their order has no
 * meaning and is not compared.
 * @param prefix of the keys, for blocks within blocks
 */
export function diffForms(from: Form, to: Form, prefix = ''): Change[] {
  const changes: Change[] = [];
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    if (key === 'exclusions') continue;
    const [left, right] = [from[key], to[key]];
    if (key === BLOCK && isForm(right))
      changes.push(...diffForms(isForm(left) ? left : {}, right, `${BLOCK}.`));
    else if (!sameValue(left, right)) changes.push({ kind: 'set', key: prefix + key, from: left, to: right });
  }
  return [...changes, ...diffRules(rules(from), rules(to))];
}

function diffRules(from: ReadonlyMap<string, Form>, to: ReadonlyMap<string, Form>): Change[] {
  const changes: Change[] = [];
  for (const [name, rule] of from) if (!to.has(name)) changes.push({ kind: 'removed', name, rule });
  for (const [name, rule] of to) {
    const before = from.get(name);
    if (!before) changes.push({ kind: 'added', name, rule });
    else {
      const inside = diffForms(before, rule);
      if (inside.length > 0) changes.push({ kind: 'changed', name, changes: inside });
    }
  }
  return changes;
}

function rules({ exclusions }: Form): Map<string, Form> {
  const found = new Map<string, Form>();
  if (!Array.isArray(exclusions)) return found;
  for (const rule of exclusions as readonly FormValue[]) {
    if (isForm(rule) && typeof rule.name === 'string') found.set(rule.name, rule);
  }
  return found;
}

function isForm(value: FormValue | undefined): value is Form {
  return typeof value === 'object' && !isList(value);
}

function sameValue(left: FormValue | undefined, right: FormValue | undefined): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Names of the exclusions that come or change. */
export function touchedNames(changes: readonly Change[]): Set<string> {
  return new Set(
    changes.flatMap((change) => (change.kind === 'added' || change.kind === 'changed' ? [change.name] : [])),
  );
}

/** Lines for a person: `+` comes, `-` goes, `~` changes. */
export function changeLines(changes: readonly Change[]): string[] {
  return changes.flatMap((change): string[] => {
    switch (change.kind) {
      case 'set':
        return [`${change.from === undefined ? '+' : '~'} ${setText(change)}`];
      case 'added':
        return [`+ exclusion "${change.name}": ${ruleText(change.rule)}`];
      case 'removed':
        return [`- exclusion "${change.name}": ${ruleText(change.rule)}`];
      case 'changed':
        return change.changes.map((inside) =>
          inside.kind === 'set' ? `~ exclusion "${change.name}": ${setText(inside)}` : '',
        );
    }
  });
}

function setText({ key, from, to }: Change & { kind: 'set' }): string {
  // A hash means nothing to a person, and does not belong on a screen.
  if (key.endsWith('password_hash')) return `password: ${to ? 'another one' : 'none'}`;
  if (key === 'source')
    return to === undefined ? 'becomes custom: it was edited' : `copied from ${sourceText(to)}`;
  return from === undefined ? `${key}: ${valueText(to)}` : `${key}: ${valueText(from)} → ${valueText(to)}`;
}

function sourceText(source: FormValue): string {
  return isForm(source) ? `${valueText(source.profile_id)} v${valueText(source.version)}` : valueText(source);
}

function ruleText(rule: Form): string {
  return Object.entries(rule)
    .filter(([key, value]) => key !== 'name' && value !== undefined)
    .map(([key, value = '']) =>
      key === 'source' ? `copied from ${sourceText(value)}` : `${key} ${valueText(value)}`,
    )
    .join(', ');
}

function valueText(value: FormValue | undefined): string {
  if (value === undefined || value === '') return '(none)';
  if (typeof value !== 'object') return String(value);
  const parts: FormValue[] = isForm(value)
    ? Object.values(value).filter((part) => part !== undefined)
    : [...value];
  return parts.length === 0 ? '(none)' : parts.map(valueText).join(isForm(value) ? ' ' : ',');
}

function isList(value: FormValue): value is readonly FormValue[] {
  return Array.isArray(value);
}
