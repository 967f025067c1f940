import type { Logger } from '../../shared/log.js';
import { UnprovenError, type Enforcer } from '../enforce/enforcer.js';
import type { Moment } from './deadline.js';
import { enforce, type EnforcementParts } from './enforcement.js';
import { latencyMs } from './latency.js';
import type { Input } from './machine.js';
import type { Isolation } from './state.js';

/**
 * Tries to enforce an isolation. What came of it is the next input of the state machine.
 * @param orderedAt when the order was received; undefined: nobody ordered it, it is restored
 */
export async function tryToEnforce(
  isolation: Isolation,
  orderedAt: Moment | undefined,
  parts: EnforcementParts & { readonly log: Logger },
): Promise<Input> {
  try {
    const { proof, missing, readBackAt } = await enforce(isolation, parts);
    const latency = orderedAt && latencyMs(orderedAt, readBackAt);
    return { kind: 'enforced', proof, missing, latencyMs: latency, readBackAt };
  } catch (error) {
    parts.log.error({ err: error }, 'the isolation could not be enforced; trying again');
    const unproven = error instanceof UnprovenError;
    return { kind: 'enforce-failed', detail: (error as Error).message, unproven };
  }
}

/** Tries to remove our rules, and reads back whether they are gone. */
export async function tryToClear(enforcer: Enforcer, log: Logger): Promise<Input> {
  try {
    await enforcer.clear();
    if (!(await holdsRules(enforcer))) return { kind: 'cleared' };
    return { kind: 'clear-failed', detail: 'rules of ours are still in the packet filter' };
  } catch (error) {
    log.error({ err: error }, 'the isolation could not be removed; trying again');
    return { kind: 'clear-failed', detail: (error as Error).message };
  }
}

/** Whether the packet filter holds rules of ours, whatever they say. */
export async function holdsRules(enforcer: Enforcer): Promise<boolean> {
  return (await enforcer.inspect()).kind !== 'absent';
}
