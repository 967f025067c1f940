import type { IsolationEndCause } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolationState,
  type IsolationMode,
  type ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { fromTimestamp } from '../../shared/time.js';

/** What the people at a computer have been told about its network. */
export type Standing =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'isolated';
      readonly id: string;
      readonly mode: IsolationMode;
      readonly reason: string;
      readonly requestedBy: string;
      /** When it ends by itself, wall clock, milliseconds since 1970; undefined: never. */
      readonly untilMs: number | undefined;
    };

/** Something that they have to be told. */
export type News =
  | { readonly kind: 'isolated' | 'changed'; readonly now: Extract<Standing, { kind: 'isolated' }> }
  | { readonly kind: 'released'; readonly cause: IsolationEndCause };

/** An end that moved by less is the same end: times are told to the minute, and clocks are corrected all the time. */
const SAME_END_MS = 30_000;

/** What an observation means to people; undefined: nothing is settled yet, another one will come. */
export function standingOf(observed: ObservedIsolation): Standing | undefined {
  const { state, isolationId: id, mode, reason, requestedBy, until, evidence } = observed;
  switch (state) {
    case IsolationState.ISOLATION_STATE_RELEASED:
      return { kind: 'open' };
    case IsolationState.ISOLATION_STATE_DEGRADED:
    case IsolationState.ISOLATION_STATE_ISOLATED:
      // Without evidence no rule is in force: the network still works, and trying goes on.
      if (!evidence) return undefined;
      return { kind: 'isolated', id, mode, reason, requestedBy, untilMs: until && fromTimestamp(until) };
    default:
      return undefined;
  }
}

/** What has to be told when an observation follows what was told last; undefined: nothing that people would notice. */
export function newsIn(told: Standing, observed: ObservedIsolation): News | undefined {
  const now = standingOf(observed);
  if (now === undefined) return undefined;
  if (now.kind === 'open') {
    return told.kind === 'open' ? undefined : { kind: 'released', cause: observed.endCause };
  }
  if (told.kind === 'open') return { kind: 'isolated', now };
  const same = told.id === now.id && told.mode === now.mode && sameEnd(told.untilMs, now.untilMs);
  return same ? undefined : { kind: 'changed', now };
}

function sameEnd(before: number | undefined, now: number | undefined): boolean {
  if (before === undefined || now === undefined) return before === now;
  return Math.abs(before - now) < SAME_END_MS;
}
