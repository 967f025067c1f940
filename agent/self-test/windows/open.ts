import type { EngineOptions, WfpEngine } from '../../enforce/wfp/engine-interface.js';

/** Others who wait for the lock of the engine see this name. */
export const SESSION_NAME = 'Cordon self-test';

/** The binding is loaded by the first check that needs it: the list of checks is printed everywhere. */
export async function openScratchEngine(options: Partial<EngineOptions>): Promise<WfpEngine> {
  const { openEngine } = await import('../../enforce/wfp/engine.js');
  return openEngine({ name: SESSION_NAME, ...options });
}
