import { systemClock } from '../../shared/clock.js';
import { createLog } from '../../shared/log.js';
import { startAgent } from '../agent.js';
import { chooseEnforcer } from '../enforce/choose.js';
import { readConfig, type Flags } from './options.js';

/** Runs until SIGTERM or SIGINT. What is enforced stays in the packet filter after the end. */
export async function run(flags: Flags): Promise<void> {
  const config = readConfig(flags);
  const log = createLog('cordon-agent', config.log_level);
  const enforcer = chooseEnforcer(config.enforcer);
  const stopping = new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  const agent = await startAgent(config, { clock: systemClock, log, enforcer, random: Math.random });
  const signal = await stopping;
  log.info({ signal }, 'stopping; an isolation stays in force');
  await agent.stop();
}
