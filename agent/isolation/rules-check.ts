import type { Enforcer, Inspection } from '../enforce/enforcer.js';
import { remainingMs, type Moment } from './deadline.js';
import type { Input } from './machine.js';
import { isActive, type State } from './state.js';

/** The kernel lets go by itself about now: a difference in the rules is no tampering. */
const NEAR_DEADLINE_MS = 2_000;
/** How far the kernel's deadline may be from ours before it is set again: as far as a release may be late. */
const DEADLINE_DRIFT_MS = 1_000;

/** Compares the packet filter with what was applied. What restores it is an input of the state machine; undefined: nothing. */
export async function checkRules(
  state: State,
  enforcer: Enforcer,
  now: () => Moment,
): Promise<Input | undefined> {
  if (!isActive(state) || !('proof' in state) || !state.proof) return undefined;
  const { isolation, proof } = state;
  const left = (): number =>
    isolation.release === undefined ? Infinity : remainingMs(isolation.release, now());
  const most = left();
  if (most < NEAR_DEADLINE_MS) return undefined;
  const found = await inspect(enforcer);
  const detail = differenceOf(found, proof.planId);
  if (detail !== undefined) return { kind: 'disturbed', detail };
  // The kernel's own deadline does not count suspend; it is set again to what is left.
  if (found.kind !== 'intact' || !enforcer.keepsDeadline) return undefined;
  // However long the look took: the kernel was asked at some moment of it.
  const { holdsForMs: holds = Infinity } = found;
  const drifted = holds > most + DEADLINE_DRIFT_MS || holds < left() - DEADLINE_DRIFT_MS;
  return drifted ? { kind: 'ordered', order: isolation } : undefined;
}

async function inspect(enforcer: Enforcer): Promise<Inspection> {
  try {
    return await enforcer.inspect();
  } catch (error) {
    return { kind: 'altered', detail: `our rules cannot be read: ${(error as Error).message}` };
  }
}

/** How the packet filter differs from the plan that should be in force, in one sentence; undefined: it does not. */
function differenceOf(found: Inspection, planId: string): string | undefined {
  switch (found.kind) {
    case 'absent':
      return 'our rules were removed';
    case 'altered':
      return found.detail;
    case 'intact':
      return found.planId === planId ? undefined : `our rules were replaced by those of plan ${found.planId}`;
  }
}
