import { win32 } from 'node:path';
import { processSid } from '../../windows/process-identity.js';
import { EnforceError } from '../enforcer.js';
import type { Plan } from '../plan.js';
import type { WfpEngine } from './engine-interface.js';
import { WfpError } from './errors.js';
import { pathsOf, type WfpContext } from './filters.js';
import type { WfpParts } from './wfp-enforcer.js';

/** Shown to those who wait for the lock of the filter engine. */
const SESSION_NAME = 'Cordon agent';

/** How long the files of all exclusions together may take to be found: the computer is open meanwhile. Milliseconds. */
const FILES_WITHIN_MS = 3_000;

/** Windows itself. Nothing of it is loaded before the first call. */
export const windowsParts: WfpParts = {
  open: openWindowsEngine,
  contextOf: async (engine, plan) => contextFor(engine, plan, process.execPath, await processSid()),
  terminate: async (plan) => {
    const { terminateConnections } = await import('../iphlp/connections.js');
    return terminateConnections(plan, process.pid);
  },
  connections: async () => (await import('../iphlp/connections.js')).listConnections(),
};

/**
 * What filters need to know about this computer.
 * @param agentPath executable of the agent
 * @param agentSid who it runs as
 * @throws EnforceError where Windows has no AppId for the agent: without one its own channel would be cut
 */
export async function contextFor(
  engine: WfpEngine,
  plan: Plan,
  agentPath: string,
  agentSid: Buffer,
): Promise<WfpContext> {
  const appId = await engine.appId(agentPath);
  if (appId === undefined) {
    throw new EnforceError(
      `Windows cannot find the agent's own executable ${agentPath}: was it moved? Restart the agent`,
    );
  }
  return { agent: { appId, sid: agentSid }, appIds: await appIdsOf(engine, pathsOf(plan)) };
}

/** An executable that cannot be found in time costs its own exclusion, never the isolation. */
async function appIdsOf(engine: WfpEngine, paths: readonly string[]): Promise<WfpContext['appIds']> {
  const appIds = new Map<string, Buffer | undefined>();
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), FILES_WITHIN_MS);
  }).finally(() => {
    late = true;
  });
  for (const path of paths) {
    // A share is not asked: it may be slow to fail, and cannot be reached while isolated.
    const local = win32.isAbsolute(path) && !/^[\\/]{2}/.test(path);
    const found = local && !late ? engine.appId(path).catch(() => undefined) : undefined;
    appIds.set(path, await Promise.race([found, tooLate]));
  }
  clearTimeout(timer);
  return appIds;
}

async function openWindowsEngine(): Promise<WfpEngine> {
  if (process.platform !== 'win32') {
    throw new EnforceError(
      `the Windows Filtering Platform is part of Windows, and this is ${process.platform}: set enforcer to auto`,
    );
  }
  const { openEngine } = await import('./engine.js');
  try {
    return await openEngine({ name: SESSION_NAME });
  } catch (error) {
    if (error instanceof WfpError) throw error;
    throw new EnforceError(
      `the library of the filter engine cannot be loaded (${(error as Error).message}): run "sfc /scannow" and install the agent again`,
      { cause: error },
    );
  }
}
