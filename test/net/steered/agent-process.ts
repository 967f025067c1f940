import { startAgent } from '../../../agent/agent.js';
import { chooseEnforcer } from '../../../agent/enforce/choose.js';
import type { Detection } from '../../../agent/isolation/decide.js';
import { readConfig } from '../../../agent/program/options.js';
import { systemClock } from '../../../shared/clock.js';
import { createLog } from '../../../shared/log.js';

/** The agent as `cordon-agent run` starts it, with a detector: what its parent sends is a detection on this device. */

const config = readConfig({});
const log = createLog('cordon-agent', config.log_level);
const enforcer = chooseEnforcer(config.enforcer);
const agent = await startAgent(config, { clock: systemClock, log, enforcer, random: Math.random });
process.on('message', (detection: Detection) => {
  void agent.isolateAutomatically(detection).then((id) => process.send?.({ id }));
});
process.on('disconnect', () => process.exit(0));
