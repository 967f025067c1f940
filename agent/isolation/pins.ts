import type { Clock } from '../../shared/clock.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import type { Endpoint } from '../enforce/plan.js';
import type { Input } from './machine.js';
import { hostNames, resolveHosts, type Lookup } from './names.js';
import { isActive, type Pins, type State } from './state.js';

export interface PinParts {
  readonly clock: Clock;
  readonly lookup: Lookup;
  /** Addresses of the server that are pinned now. */
  readonly servers: () => readonly Endpoint[];
}

/** Everything that must stay reachable, resolved while the network is still open. */
export async function pin(state: State, settings: IsolationSettings, parts: PinParts): Promise<Pins> {
  const { clock, lookup, servers } = parts;
  const known = isActive(state) ? state.isolation.pins.hosts : {};
  return { servers: servers(), hosts: await resolveHosts(clock, lookup, hostNames(settings), known) };
}

/**
 * Names may point elsewhere by now, and the server may have told more of its addresses. What brings the isolation there
 * is an input of the state machine; undefined: everything is where it was.
 */
export async function checkPins(state: State, parts: PinParts): Promise<Input | undefined> {
  if (!isActive(state)) return undefined;
  const { isolation } = state;
  const pins = await pin(state, isolation.settings, parts);
  if (JSON.stringify(pins) === JSON.stringify(isolation.pins)) return undefined;
  return { kind: 'ordered', order: { ...isolation, pins } };
}
