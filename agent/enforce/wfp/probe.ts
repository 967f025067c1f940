import { EnforceError } from '../enforcer.js';
import type { WfpEngine } from './engine-interface.js';
import { WfpError } from './errors.js';

/**
 * Begins a transaction and ends it without a change: everybody may open the engine, few may change something.
 * @throws EnforceError that says who may
 */
export async function probeEngine(engine: WfpEngine): Promise<void> {
  try {
    await engine.transaction(() => Promise.resolve());
  } catch (error) {
    if (!(error instanceof WfpError)) throw error;
    // Somebody else holds the lock at the moment. We were let in as far as that.
    if (error.is('FWP_E_TIMEOUT')) return;
    if (!error.is('ERROR_ACCESS_DENIED')) throw error;
    throw new EnforceError(
      `${error.message}; run the agent as a service, or from a prompt that was started as administrator`,
      { cause: error },
    );
  }
}
