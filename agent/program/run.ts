import { systemClock } from '../../shared/clock.js';
import { createLog, type Logger } from '../../shared/log.js';
import { startAgent, type AgentDeps, type RunningAgent } from '../agent.js';
import type { AgentConfig } from '../config.js';
import { startScan } from '../detect/process/scan-process.js';
import { chooseEnforcer } from '../enforce/choose.js';
import { openEventLog } from '../windows/event-log.js';
import { refuseSecondAgent } from '../windows/only-agent.js';
import { readConfig, type Flags } from './options.js';

/** Ctrl+C, `systemctl stop`, and on Windows Ctrl+Break and the close button of the console. */
const ENDINGS: readonly NodeJS.Signals[] =
  process.platform === 'win32' ? ['SIGINT', 'SIGBREAK', 'SIGHUP'] : ['SIGTERM', 'SIGINT'];

/** Runs until it is told to end. What is enforced stays in the packet filter after the end. */
export async function run(flags: Flags): Promise<void> {
  const config = readConfig(flags);
  const log = createLog('cordon-agent', config.log_level);
  const stopping = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ENDINGS) process.once(signal, resolve);
  });
  const agent = await startConfigured(config, log);
  const signal = await stopping;
  log.info({ signal }, 'stopping; an isolation stays in force');
  await agent.stop();
}

/** An agent on the real clock and packet filter of this computer. */
export async function startConfigured(config: AgentConfig, log: Logger): Promise<RunningAgent> {
  if (process.platform === 'win32') await refuseSecondAgent(config.control_socket);
  return startAgent(config, {
    clock: systemClock,
    log,
    enforcer: chooseEnforcer(config.enforcer),
    random: Math.random,
    startScan,
    eventLog: process.platform === 'win32' ? await eventLog(log) : undefined,
  });
}

/** Isolation matters more than entries about it. */
async function eventLog(log: Logger): Promise<AgentDeps['eventLog']> {
  try {
    return await openEventLog();
  } catch (error) {
    log.warn({ err: error }, 'the event log cannot be opened');
    return undefined;
  }
}
