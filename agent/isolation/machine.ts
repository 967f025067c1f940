import {
  IsolationEndCause,
  IsolationMode,
  ServerLossAction,
  UnconfirmedAction,
} from '../../shared/gen/cordon/v1/isolation.js';
import { fromDuration } from '../../shared/time.js';
import { deadlineIn, elapsedMs, reanchored, remainingMs, type Deadline, type Moment } from './deadline.js';
import {
  isActive,
  type Active,
  type Ended,
  type Isolation,
  type Order,
  type Proof,
  type State,
} from './state.js';

/** How long a new isolation waits for the server's confirmation (DESIGN 4.2). */
export const CONFIRM_WITHIN_MS = 60_000;

/** Something that happened to the isolation of this device. */
export type Input =
  /** The agent has just started; whatever the packet filter holds is to be brought in line. */
  | { readonly kind: 'started' }
  /** Rules of ours are in the packet filter although the device is released. */
  | { readonly kind: 'leftover' }
  /** Isolate, or change the settings of the isolation with this id. */
  | { readonly kind: 'ordered'; readonly order: Order }
  /** `by`: who did it at the device; absent: nobody there. */
  | { readonly kind: 'released'; readonly cause: IsolationEndCause; readonly by?: string }
  /** Effect `enforce` is done. `missing` names the part that is not in force; undefined: all of it is. */
  | {
      readonly kind: 'enforced';
      readonly proof: Proof;
      readonly missing: string | undefined;
      /** From the receipt of an order, milliseconds; undefined: nobody ordered it, it was restored. */
      readonly latencyMs: number | undefined;
      /** When the rules had been read back: the checks since then may have taken seconds. */
      readonly readBackAt: Moment;
    }
  /** Effect `enforce` failed. `unproven`: the rules may be in force all the same; else the packet filter holds what it held. */
  | { readonly kind: 'enforce-failed'; readonly detail: string; readonly unproven?: boolean }
  /** Effect `clear` is done and read back. */
  | { readonly kind: 'cleared' }
  /** Effect `clear` failed; rules of ours may still be there. */
  | { readonly kind: 'clear-failed'; readonly detail: string }
  /** The checks were made again, and nothing else was touched. */
  | { readonly kind: 'proved'; readonly proof: Proof; readonly missing: string | undefined }
  /** Somebody else changed our rules. */
  | { readonly kind: 'disturbed'; readonly detail: string }
  /** The server has stored the report about this isolation. */
  | { readonly kind: 'confirmed'; readonly isolationId: string }
  | { readonly kind: 'server-lost' }
  | { readonly kind: 'server-found' }
  /** Time has passed: deadlines may be due, failed effects are tried again. */
  | { readonly kind: 'tick' };

/** What has to be done, in this order, after the new state is on disk. */
export type Effect =
  | { readonly kind: 'enforce' }
  | { readonly kind: 'clear' }
  /** Tell the server that this isolation ended although another one takes its place. */
  | { readonly kind: 'tell-ended'; readonly ended: Ended }
  /** Tell the server that the state changed, and keep the news until it has them. */
  | { readonly kind: 'tell-changed' }
  /** Report the state as it is now. */
  | { readonly kind: 'report' }
  | { readonly kind: 'tell-tampered'; readonly detail: string };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

const stay = (state: State): Step => ({ state, effects: [] });
const isDue = (deadline: Deadline | undefined, now: Moment): boolean =>
  deadline !== undefined && remainingMs(deadline, now) <= 0;

/** The whole behaviour of an isolation, without doing anything: the state that follows and what is to be done about it. */
export function next(state: State, input: Input, now: Moment): Step {
  switch (input.kind) {
    case 'started':
      return onStarted(state, now);
    case 'leftover':
      return state.kind === 'RELEASED'
        ? { state: { kind: 'RELEASING', ending: state.last, problem: '' }, effects: [{ kind: 'clear' }] }
        : stay(state);
    case 'ordered':
      return onOrdered(state, input.order, now);
    case 'released':
      return isActive(state) ? release(state, input.cause, now, input.by) : stay(state);
    case 'enforced':
      return isActive(state) ? onEnforced(state, input, now) : stay(state);
    case 'enforce-failed':
      return isActive(state) ? onEnforceFailed(state, input, now) : stay(state);
    case 'cleared':
      return state.kind === 'RELEASING'
        ? { state: { kind: 'RELEASED', last: state.ending }, effects: [{ kind: 'tell-changed' }] }
        : stay(state);
    case 'clear-failed':
      return state.kind === 'RELEASING'
        ? { state: { ...state, problem: input.detail }, effects: [{ kind: 'report' }] }
        : stay(state);
    case 'proved':
      return isActive(state)
        ? { state: proven(state.isolation, input.proof, input.missing), effects: [{ kind: 'report' }] }
        : stay(state);
    case 'disturbed':
      return onDisturbed(state, input.detail, now);
    case 'confirmed':
      // One that is not in force yet can still cut the server off: what was confirmed then says nothing about it.
      return isActive(state) &&
        state.isolation.id === input.isolationId &&
        state.isolation.enforcedAt !== undefined
        ? stay(withIsolation(state, { ...state.isolation, confirmation: { kind: 'confirmed' } }))
        : stay(state);
    case 'server-lost':
      return onServerLost(state, now);
    case 'server-found':
      return isActive(state) && state.isolation.serverLoss
        ? stay(withIsolation(state, { ...state.isolation, serverLoss: undefined }))
        : stay(state);
    case 'tick':
      return onTick(state, now);
  }
}

/** When the next deadline of a state falls due, milliseconds from now; undefined: none is set. */
export function nextDeadlineMs(state: State, now: Moment): number | undefined {
  if (!isActive(state)) return undefined;
  const { release: ends, serverLoss, confirmation } = state.isolation;
  const until = confirmation.kind === 'waiting' ? confirmation.until : undefined;
  const left = [ends, serverLoss, until].flatMap((deadline) =>
    deadline ? [remainingMs(deadline, now)] : [],
  );
  return left.length > 0 ? Math.max(0, Math.min(...left)) : undefined;
}

function withIsolation(state: Active, isolation: Isolation): Active {
  return { ...state, isolation };
}

function onStarted(state: State, now: Moment): Step {
  if (state.kind === 'RELEASED') return stay(state);
  if (state.kind === 'RELEASING') return { state, effects: [{ kind: 'clear' }] };
  const { isolation } = state;
  const here = (deadline: Deadline | undefined): Deadline | undefined =>
    deadline && reanchored(deadline, now);
  const { confirmation } = isolation;
  const counted: Isolation = {
    ...isolation,
    release: here(isolation.release),
    serverLoss: here(isolation.serverLoss),
    confirmation:
      confirmation.kind === 'waiting' ? { kind: 'waiting', until: here(confirmation.until) } : confirmation,
  };
  const due = endOf(counted, now);
  if (due !== undefined) return release(withIsolation(state, counted), due, now);
  // The packet filter survives an agent, not a reboot: apply again either way, in one atomic step.
  return { state: { kind: 'ENFORCING', isolation: counted }, effects: [{ kind: 'enforce' }] };
}

function onOrdered(state: State, order: Order, now: Moment): Step {
  if (!isActive(state) || state.isolation.id !== order.id) {
    const isolation: Isolation = {
      ...order,
      enforcedAt: undefined,
      latencyMs: undefined,
      release: undefined,
      confirmation: { kind: 'waiting', until: undefined },
      serverLoss: undefined,
    };
    const ended = endedBy(state, now);
    const told: Effect[] = ended ? [{ kind: 'tell-ended', ended }] : [];
    return { state: { kind: 'ENFORCING', isolation }, effects: [...told, { kind: 'enforce' }] };
  }
  const before = state.isolation;
  const keepsLossRule = order.settings.onServerLoss === ServerLossAction.SERVER_LOSS_ACTION_RELEASE;
  const changed: Isolation = {
    ...before,
    ...order,
    release: before.enforcedAt && releaseFrom(before.enforcedAt, order.releaseDelayMs, now),
    serverLoss: keepsLossRule ? before.serverLoss : undefined,
  };
  const due = endOf(changed, now);
  if (due !== undefined) return release(withIsolation(state, changed), due, now);
  return { state: { kind: 'ENFORCING', isolation: changed }, effects: [{ kind: 'enforce' }] };
}

/** What a new isolation puts an end to. */
function endedBy(state: State, now: Moment): Ended | undefined {
  if (state.kind === 'RELEASING') return state.ending;
  if (!isActive(state)) return undefined;
  const cause = IsolationEndCause.ISOLATION_END_CAUSE_REPLACED;
  return { id: state.isolation.id, cause, atMs: now.wallMs };
}

/** A delay counts from enforcement, also when it is changed later. */
function releaseFrom(enforcedAt: Moment, delayMs: number, now: Moment): Deadline | undefined {
  if (delayMs === 0) return undefined;
  return { ...deadlineIn(delayMs - elapsedMs(enforcedAt, now), now), totalMs: delayMs };
}

function onEnforced(state: Active, input: Extract<Input, { kind: 'enforced' }>, now: Moment): Step {
  const { proof, missing, readBackAt } = input;
  const before = { ...state.isolation, latencyMs: input.latencyMs ?? state.isolation.latencyMs };
  const first = before.enforcedAt === undefined;
  const isolation: Isolation = first
    ? {
        ...before,
        enforcedAt: readBackAt,
        release: releaseFrom(readBackAt, before.releaseDelayMs, now),
        confirmation:
          before.confirmation.kind === 'waiting'
            ? { kind: 'waiting', until: deadlineIn(CONFIRM_WITHIN_MS, now) }
            : before.confirmation,
      }
    : before;
  return { state: proven(isolation, proof, missing), effects: [{ kind: 'tell-changed' }] };
}

function proven(isolation: Isolation, proof: Proof, missing: string | undefined): Active {
  return missing === undefined
    ? { kind: 'ISOLATED', isolation, proof }
    : { kind: 'DEGRADED', isolation, proof, reason: missing };
}

function onEnforceFailed(
  state: Active,
  { detail, unproven }: Extract<Input, { kind: 'enforce-failed' }>,
  now: Moment,
): Step {
  const reason = unproven === true ? `not proved to be in force: ${detail}` : `not in force: ${detail}`;
  const told = state.kind === 'DEGRADED' && state.reason === reason;
  const before = state.isolation;
  // Rules that may block must not do so for ever: until they are proved, the delay counts from here.
  const counts = unproven === true && before.enforcedAt === undefined && before.release === undefined;
  const isolation = counts ? { ...before, release: releaseFrom(now, before.releaseDelayMs, now) } : before;
  return {
    state: { kind: 'DEGRADED', isolation, proof: undefined, reason },
    effects: told ? [] : [{ kind: 'tell-changed' }],
  };
}

function onDisturbed(state: State, detail: string, now: Moment): Step {
  if (!isActive(state)) return stay(state);
  // The packet filter lets go by itself when the time is up; that is nobody's tampering.
  const due = endOf(state.isolation, now);
  if (due !== undefined) return release(state, due, now);
  return {
    state: { kind: 'ENFORCING', isolation: state.isolation },
    effects: [{ kind: 'enforce' }, { kind: 'tell-tampered', detail }],
  };
}

function onServerLost(state: State, now: Moment): Step {
  if (!isActive(state) || state.isolation.serverLoss) return stay(state);
  const { onServerLoss, serverLossReleaseAfter } = state.isolation.settings;
  if (onServerLoss !== ServerLossAction.SERVER_LOSS_ACTION_RELEASE || !serverLossReleaseAfter)
    return stay(state);
  const serverLoss = deadlineIn(fromDuration(serverLossReleaseAfter), now);
  return stay(withIsolation(state, { ...state.isolation, serverLoss }));
}

function onTick(state: State, now: Moment): Step {
  switch (state.kind) {
    case 'RELEASED':
      return stay(state);
    case 'RELEASING':
      return { state, effects: [{ kind: 'clear' }] };
    case 'ENFORCING':
    case 'ISOLATED':
    case 'DEGRADED': {
      const due = endOf(state.isolation, now);
      if (due !== undefined) return release(state, due, now);
      const { confirmation } = state.isolation;
      const kept =
        confirmation.kind === 'waiting' && isDue(confirmation.until, now)
          ? withIsolation(state, { ...state.isolation, confirmation: { kind: 'kept' } })
          : state;
      const tryAgain = state.kind === 'ENFORCING' || (state.kind === 'DEGRADED' && !state.proof);
      return { state: kept, effects: tryAgain ? [{ kind: 'enforce' }] : [] };
    }
  }
}

/** Why an isolation has to end now; undefined: it goes on. */
function endOf(isolation: Isolation, now: Moment): IsolationEndCause | undefined {
  if (isDue(isolation.release, now)) return IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE;
  if (isDue(isolation.serverLoss, now)) return IsolationEndCause.ISOLATION_END_CAUSE_SERVER_LOSS;
  const { confirmation } = isolation;
  if (confirmation.kind === 'waiting' && isDue(confirmation.until, now) && rollsBack(isolation)) {
    return IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED;
  }
  return undefined;
}

/** An operator can ask again; a detection in the middle of an attack cannot (DESIGN 4.2). */
function rollsBack({ settings, mode }: Isolation): boolean {
  switch (settings.onUnconfirmed) {
    case UnconfirmedAction.UNCONFIRMED_ACTION_ROLL_BACK:
      return true;
    case UnconfirmedAction.UNCONFIRMED_ACTION_KEEP:
      return false;
    default:
      return mode === IsolationMode.ISOLATION_MODE_MANUAL;
  }
}

function release(state: Active, cause: IsolationEndCause, now: Moment, by?: string): Step {
  const ending: Ended = {
    id: state.isolation.id,
    cause,
    atMs: now.wallMs,
    ...(by === undefined ? {} : { by }),
  };
  return { state: { kind: 'RELEASING', ending, problem: '' }, effects: [{ kind: 'clear' }] };
}
