import { grantsOf } from '../../windows/security-descriptor.js';
import { FWPM_FILTER_FLAG } from './constants.js';
import { LAYERS, type Guid, type Layer } from './guids.js';
import { matchesAll, type FlowFields } from './match.js';
import type { Filter, FoundFilter, Sublayer, Weight } from './types.js';

/**
 * What WFP decides about a flow, from its documentation (FWP/filter-arbitration, FWP/filter-weight-assignment,
 * FWP/ale-re-authorization), as a pure function. It knows nothing of how filters are made here.
 */

/** A flow as a layer classifies it. */
export interface Classification {
  readonly layer: Layer;
  readonly fields: FlowFields;
}

/** `boot`: from the start of the network stack until BFE has started; `run`: after that. */
export type Phase = 'boot' | 'run';

/** A filter that takes part. */
export type Candidate =
  | { readonly kind: 'plain'; readonly filter: Filter; readonly effectiveWeight?: bigint }
  /** What it does nobody can read from it: a callout decides, or a field is not known here. It may match or not. */
  | {
      readonly kind: 'unknowable';
      readonly name: string;
      readonly layer: Guid;
      readonly sublayer: Guid;
      readonly phase: Phase;
      readonly effectiveWeight: bigint | undefined;
    };

export type Arbitrated =
  /** `by`: name of the filter; undefined: none matched, and WFP permits. */
  | { readonly kind: 'permit' | 'block'; readonly hard: boolean; readonly by: string | undefined }
  /** It depends on these: callouts, or filters of one weight that contradict each other. */
  | { readonly kind: 'unknowable'; readonly because: readonly string[] };

const { FWPM_FILTER_FLAG_BOOTTIME, FWPM_FILTER_FLAG_DISABLED } = FWPM_FILTER_FLAG;

export function candidates(filters: readonly Filter[]): Candidate[] {
  return filters.map((filter) => ({ kind: 'plain', filter }));
}

/** As read back. What is disabled takes no part. */
export function foundCandidates(found: readonly FoundFilter[]): Candidate[] {
  return found
    .filter(({ flags }) => (flags & FWPM_FILTER_FLAG_DISABLED) === 0)
    .map(({ filter, name, layer, sublayer, flags, effectiveWeight }) =>
      filter === undefined || !isReadable(filter)
        ? {
            kind: 'unknowable',
            name,
            layer,
            sublayer,
            phase: (flags & FWPM_FILTER_FLAG_BOOTTIME) === 0 ? 'run' : 'boot',
            effectiveWeight,
          }
        : { kind: 'plain', filter, ...(effectiveWeight === undefined ? {} : { effectiveWeight }) },
    );
}

/** Whether this module understands who may match: some security descriptors have entries that it does not. */
function isReadable({ conditions }: Filter): boolean {
  return conditions.every(({ value }) => {
    if (value.type !== 'security-descriptor') return true;
    try {
      grantsOf(value.value);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  });
}

/**
 * @param all of all sublayers and layers; each sublayer must be among `sublayers`
 * @throws RangeError where a filter lies in a sublayer that is not given
 */
export function arbitrate(
  all: readonly Candidate[],
  sublayers: readonly Pick<Sublayer, 'key' | 'weight'>[],
  flow: Classification,
  phase: Phase,
): Arbitrated {
  const bySublayer = new Map<Guid, Candidate[]>(sublayers.map(({ key }) => [key, []]));
  for (const candidate of all) {
    if (!takesPart(candidate, flow, phase)) continue;
    const key = candidate.kind === 'plain' ? candidate.filter.sublayer : candidate.sublayer;
    const own = bySublayer.get(key);
    if (own === undefined) throw new RangeError(`sublayer ${key} of a filter is not given`);
    own.push(candidate);
  }
  let possible: Standing[] = [{ action: 'continue', by: undefined }];
  for (const equals of byWeight(sublayers)) {
    const outcomes = equals.map(({ key }) => outcomesOf(bySublayer.get(key) ?? []));
    // Which of two sublayers of one weight is asked first is not documented: any of them may be.
    possible = distinct(
      rotations(outcomes).flatMap((order) =>
        order.reduce(
          (now, next) => distinct(now.flatMap((one) => next.map((then) => step(one, then)))),
          possible,
        ),
      ),
    );
  }
  return verdictOf(possible);
}

type Action = 'continue' | 'soft permit' | 'hard permit' | 'soft block' | 'hard block';

/** An action and the filter that it comes from. */
interface Standing {
  readonly action: Action;
  readonly by: string | undefined;
  /** Where nobody can say that it is so. */
  readonly guessed?: true;
}

/** What a sublayer may return; `veto`: a callout may block what is hard permitted. */
interface Outcome extends Standing {
  readonly veto?: true;
}

function takesPart(candidate: Candidate, { layer, fields }: Classification, phase: Phase): boolean {
  if (candidate.kind === 'unknowable') return candidate.layer === LAYERS[layer] && candidate.phase === phase;
  const { filter } = candidate;
  return (
    filter.layer === layer &&
    (filter.lifetime === 'boot-time') === (phase === 'boot') &&
    matchesAll(filter.conditions, fields)
  );
}

/** Within a sublayer the matching filter of the highest weight decides; of those that may be the highest, any. */
function outcomesOf(matching: readonly Candidate[]): Outcome[] {
  const certain = matching.filter(({ kind }) => kind === 'plain').map((one) => rangeOf(one).low);
  const highest = certain.reduce((best, low) => (low > best ? low : best), -1n);
  const first = matching.filter((one) => rangeOf(one).high >= highest);
  const outcomes = first.flatMap(actionsOf);
  if (certain.length === 0) outcomes.push({ action: 'continue', by: undefined });
  return distinct(outcomes);
}

function actionsOf(candidate: Candidate): Outcome[] {
  if (candidate.kind === 'unknowable') {
    const by = candidate.name;
    const actions = ['soft permit', 'hard permit', 'soft block', 'hard block'] as const;
    return [
      ...actions.map((action): Outcome => ({ action, by, guessed: true })),
      { action: 'hard block', by, guessed: true, veto: true },
    ];
  }
  const { action, hard, name } = candidate.filter;
  // The block of a filter is hard, whatever its flag says; only those of callouts are soft.
  if (action === 'block') return [{ action: 'hard block', by: name }];
  return [{ action: hard ? 'hard permit' : 'soft permit', by: name }];
}

/** What stands after the next lower sublayer has said its word. */
function step(now: Standing, next: Outcome): Standing {
  const { veto: _veto, ...then } = next;
  if (then.action === 'continue') return now;
  switch (now.action) {
    case 'continue':
    case 'soft permit':
      // A lower permit takes nothing away from a permit, and may make it a hard one.
      return now.action === 'soft permit' && then.action === 'soft permit' ? now : then;
    case 'hard permit':
      return next.veto ? then : now;
    case 'soft block':
      return then.action === 'soft block' ? now : then;
    case 'hard block':
      return now;
  }
}

function verdictOf(possible: readonly Standing[]): Arbitrated {
  const kinds = new Set(possible.map(({ action }) => (action.endsWith('block') ? 'block' : 'permit')));
  const [kind] = kinds;
  if (kind === undefined || kinds.size > 1) {
    const guesses = possible.filter(({ guessed }) => guessed);
    const because = (guesses.length > 0 ? guesses : possible).flatMap(({ by }) => by ?? []);
    return { kind: 'unknowable', because: [...new Set(because)].sort() };
  }
  const known = possible.find(({ guessed }) => !guessed) ?? possible[0];
  return { kind, hard: possible.every(({ action }) => action.startsWith('hard')), by: known?.by };
}

const CLASS_SIZE = 1n << 60n;

/** Where the weight lies; BFE says only what it made of it once the filter is there. */
function rangeOf(candidate: Candidate): { readonly low: bigint; readonly high: bigint } {
  const { effectiveWeight } = candidate;
  if (effectiveWeight !== undefined) return { low: effectiveWeight, high: effectiveWeight };
  const weight: Weight = candidate.kind === 'plain' ? candidate.filter.weight : { kind: 'auto' };
  if (candidate.kind === 'unknowable') return { low: 0n, high: (1n << 64n) - 1n };
  switch (weight.kind) {
    case 'exact':
      return { low: weight.value, high: weight.value };
    case 'class': {
      const low = BigInt(weight.value) * CLASS_SIZE;
      return { low, high: low + CLASS_SIZE - 1n };
    }
    case 'auto':
      return { low: 0n, high: CLASS_SIZE - 1n };
  }
}

/** Sublayers from the highest weight to the lowest, those of one weight together. */
function byWeight(
  sublayers: readonly Pick<Sublayer, 'key' | 'weight'>[],
): Pick<Sublayer, 'key' | 'weight'>[][] {
  const groups = new Map<number, Pick<Sublayer, 'key' | 'weight'>[]>();
  for (const sublayer of sublayers) {
    groups.set(sublayer.weight, [...(groups.get(sublayer.weight) ?? []), sublayer]);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
}

/** Each of them first once: what comes behind the first cannot change the order of a hard action and its opposite. */
function rotations<T>(list: readonly T[]): T[][] {
  return list.map((_, at) => [...list.slice(at), ...list.slice(0, at)]);
}

function distinct<T extends Outcome>(list: readonly T[]): T[] {
  return [...new Map(list.map((one) => [`${one.action} ${one.veto ?? false} ${one.by}`, one])).values()];
}
