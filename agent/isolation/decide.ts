import type { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationAction,
  IsolationEndCause,
  IsolationMode,
  IsolationSettings,
  type IsolationDirective,
} from '../../shared/gen/cordon/v1/isolation.js';
import { fromDuration, RELEASE_DELAY } from '../../shared/time.js';
import { isActive, type Isolation, type Order, type State } from './state.js';

/** An order whose names are not resolved yet. */
export type Wanted = Omit<Order, 'pins'>;

/** What a desired state asks of a device in a given state. */
export type Decision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'isolate'; readonly wanted: Wanted }
  | { readonly kind: 'release'; readonly cause: IsolationEndCause };

/** A match on this device that asks for isolation. */
export interface Detection {
  readonly reason: string;
  /** Name of the detector. */
  readonly source: string;
  /** Id of the isolation that it may start, where it has to be known again after a crash. Default: a new one. */
  readonly id?: string | undefined;
}

const NOTHING: Decision = { kind: 'nothing' };

/**
 * Level-triggered on the directive's id: the same desired state may come any number of times.
 * @param done ids of isolations that have ended here and of releases that were carried out
 */
export function decide(state: State, desired: DesiredState, done: readonly string[]): Decision {
  const { directive } = desired;
  if (directive && !done.includes(directive.id)) {
    return directive.action === IsolationAction.ISOLATION_ACTION_ISOLATE
      ? manual(state, directive, desired.manualSettings)
      : { kind: 'release', cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR };
  }
  return automatic(state, desired.automaticSettings);
}

function manual(
  state: State,
  directive: IsolationDirective,
  settings: IsolationSettings | undefined,
): Decision {
  if (!settings) return NOTHING;
  const own = directive.releaseDelay && fromDuration(directive.releaseDelay);
  const wanted: Wanted = {
    id: directive.id,
    mode: IsolationMode.ISOLATION_MODE_MANUAL,
    reason: directive.reason,
    requestedBy: directive.requestedBy,
    settings,
    releaseDelayMs: own ?? releaseDelayOf(settings),
  };
  return isolateUnlessSame(state, wanted);
}

/** An automatic isolation that runs takes over changed settings; switched off, the ones it started with stay. */
function automatic(state: State, settings: IsolationSettings | undefined): Decision {
  if (!isActive(state) || !settings) return NOTHING;
  const { id, mode, reason, requestedBy } = state.isolation;
  if (mode !== IsolationMode.ISOLATION_MODE_AUTOMATIC) return NOTHING;
  const releaseDelayMs = releaseDelayOf(settings);
  return isolateUnlessSame(state, { id, mode, reason, requestedBy, settings, releaseDelayMs });
}

/**
 * What a detection asks of a device in a given state (DESIGN 3.7); undefined: nothing.
 * @param id of the isolation that it may start
 */
export function wantedBy(
  { reason, source }: Detection,
  id: string,
  state: State,
  settings: IsolationSettings | undefined,
): Wanted | undefined {
  if (!settings || isActive(state)) return undefined;
  const mode = IsolationMode.ISOLATION_MODE_AUTOMATIC;
  return { id, mode, reason, requestedBy: source, settings, releaseDelayMs: releaseDelayOf(settings) };
}

/** Release delay of settings, milliseconds; 8 h where none is given. */
function releaseDelayOf(settings: IsolationSettings): number {
  return settings.releaseDelay ? fromDuration(settings.releaseDelay) : RELEASE_DELAY.defaultMs;
}

function isolateUnlessSame(state: State, wanted: Wanted): Decision {
  if (isActive(state) && sameOrder(state.isolation, wanted)) return NOTHING;
  return { kind: 'isolate', wanted };
}

function sameOrder(isolation: Isolation, wanted: Wanted): boolean {
  return (
    isolation.id === wanted.id &&
    isolation.reason === wanted.reason &&
    isolation.requestedBy === wanted.requestedBy &&
    isolation.releaseDelayMs === wanted.releaseDelayMs &&
    encoded(isolation.settings).equals(encoded(wanted.settings))
  );
}

function encoded(settings: IsolationSettings): Buffer {
  return Buffer.from(IsolationSettings.encode(settings).finish());
}
