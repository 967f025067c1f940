import { createHash } from 'node:crypto';
import type { Fingerprint, Inspection } from '../enforcer.js';
import { textFor } from './canonical.js';
import { describeFilter } from './describe.js';
import { planIdOf } from './filters.js';
import { PROVIDER, SUBLAYER } from './own-objects.js';
import type { Guid } from './guids.js';
import { isEmpty, type HeldFilter, type Holdings } from './holdings.js';
import type { Filter, FoundFilter, Provider, Sublayer } from './types.js';

/** What has to be done to what the engine holds so that it equals a plan. */
export interface Changes {
  /** Provider or sublayer differ: everything that refers to them goes and comes back with them. */
  readonly base: 'kept' | 'replaced';
  readonly removed: readonly Guid[];
  readonly added: readonly Filter[];
}

/** The steps from `held` to exactly `wanted`; none where they are equal already. */
export function changesTo(wanted: readonly Filter[], held: Holdings): Changes {
  const stray = held.sublayers.length > 1;
  if (stray || baseProblem(held) !== undefined) {
    return { base: 'replaced', removed: held.filters.map(({ key }) => key), added: wanted };
  }
  const missing = new Map(wanted.map((filter) => [filter.key, filter]));
  const removed: Guid[] = [];
  for (const found of held.filters) {
    const same = missing.get(found.key);
    if (same !== undefined && found.text === textFor(same)) missing.delete(found.key);
    else removed.push(found.key);
  }
  return { base: 'kept', removed, added: [...missing.values()] };
}

/** How what is held differs from exactly `wanted`, naming the first filter that does; undefined: it does not. */
export function differenceTo(wanted: readonly Filter[], held: Holdings): string | undefined {
  const base = baseProblem(held);
  if (base !== undefined) return base;
  const found = new Map(held.filters.map((filter) => [filter.key, filter]));
  for (const filter of wanted) {
    const other = found.get(filter.key);
    if (other === undefined) return `a filter is missing: ${describeFilter(filter)}`;
    if (other.text !== textFor(filter)) return `a filter was changed: ${describeFilter(filter)}`;
    found.delete(filter.key);
  }
  const [more] = found.values();
  return more && `there is a filter that nobody asked for: ${nameOf(more)}`;
}

/**
 * @param expected what should be in force; undefined: nobody knows
 * @param wanted its filters, where this process wrote them; they make the sentence more exact
 */
export function assess(
  held: Holdings,
  expected: Fingerprint | undefined,
  wanted: readonly Filter[] | undefined,
): Inspection {
  if (isEmpty(held)) return { kind: 'absent' };
  const altered = (detail: string): Inspection => ({ kind: 'altered', detail });
  const problem = baseProblem(held) ?? intruderIn(held);
  if (problem !== undefined) return altered(problem);
  const planId = planIdOf(held.filters);
  const named = `plan ${planId ?? 'unknown'}`;
  if (expected === undefined) return altered(`${named} was applied by nobody that this process knows`);
  if (planId !== undefined && planId !== expected.planId) {
    return altered(`${named} is in force in place of ${expected.planId}`);
  }
  const rulesHash = hashOf(held.filters);
  if (planId === undefined || !rulesHash.equals(expected.rulesHash)) {
    const exact = wanted && differenceTo(wanted, held);
    return altered(exact ?? 'our filters differ from what was applied');
  }
  return { kind: 'intact', planId, rulesHash, holdsForMs: undefined };
}

/** SHA-256 over the filters as they were read back, in an order that does not depend on the engine. */
export function hashOf(filters: readonly HeldFilter[]): Buffer {
  const lines = filters.map(({ text, key }) => text ?? `unknown ${key}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest();
}

/** How provider and sublayer differ from ours; undefined: they do not. */
function baseProblem({ provider, sublayers }: Holdings): string | undefined {
  const [sublayer] = sublayers;
  if (provider === undefined) return 'our provider is gone';
  if (!isOurProvider(provider)) return 'our provider was changed';
  if (sublayer?.key !== SUBLAYER.key) return 'our sublayer is gone';
  if (sublayer.weight !== SUBLAYER.weight) {
    return `the weight of our sublayer is ${sublayer.weight} in place of ${SUBLAYER.weight}`;
  }
  return isOurSublayer(sublayer) ? undefined : 'our sublayer was changed';
}

/** What stands in our sublayer and cannot be ours: a permit there would open the device. */
function intruderIn({ filters }: Holdings): string | undefined {
  const intruder = filters.find(({ provider, filter }) => provider !== PROVIDER.key || filter === undefined);
  return intruder && `somebody put a filter among ours: ${nameOf(intruder)}`;
}

function isOurProvider({ key, name, description, lifetime, data, serviceName }: Provider): boolean {
  return (
    key === PROVIDER.key &&
    name === PROVIDER.name &&
    description === PROVIDER.description &&
    lifetime === PROVIDER.lifetime &&
    serviceName === PROVIDER.serviceName &&
    data.equals(PROVIDER.data)
  );
}

function isOurSublayer({ name, description, provider, lifetime, data, weight }: Sublayer): boolean {
  return (
    name === SUBLAYER.name &&
    description === SUBLAYER.description &&
    provider === SUBLAYER.provider &&
    lifetime === SUBLAYER.lifetime &&
    weight === SUBLAYER.weight &&
    data.equals(SUBLAYER.data)
  );
}

function nameOf({ filter, name, key }: FoundFilter): string {
  return filter === undefined ? `"${name}" (${key})` : describeFilter(filter);
}
