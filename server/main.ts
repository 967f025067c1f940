import { systemClock } from '../shared/clock.js';
import { oneLine } from '../shared/command-line/one-line.js';
import { ConfigError } from '../shared/config/load.js';
import { createLog } from '../shared/log.js';
import { makeAdminToken } from './admin-token.js';
import { createAgentPlane } from './agent-plane.js';
import { readCommandLine } from './command-line.js';
import type { ServerConfig } from './config.js';
import { greeting, newTokenMessage } from './greeting.js';
import { startServer } from './server.js';

const FAILED = 1;
const WRONG_USAGE = 2;

async function run(config: ServerConfig): Promise<void> {
  const log = createLog('cordon-server', config.log_level);
  const server = await startServer(config, { log, clock: systemClock, plane: createAgentPlane });
  console.log(greeting(config, server));

  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    // Whoever asks twice does not want to wait. Acknowledged changes are on disk, so nothing is lost.
    if (stopping) process.exit(FAILED);
    stopping = true;
    log.info({ signal }, `stopping; agents and calls have up to ${config.drain_seconds} s`);
    server.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

async function main(): Promise<void> {
  const invocation = readCommandLine(process.argv.slice(2), process.env);
  switch (invocation.kind) {
    case 'shown':
      break;
    case 'admin-token': {
      const { token, caFingerprint } = await makeAdminToken(invocation.config.data_dir, systemClock);
      console.log(newTokenMessage(invocation.config, token, caFingerprint));
      break;
    }
    case 'run':
      await run(invocation.config);
  }
}

/** One line for a person; what a setting causes is told apart from what breaks by itself. */
function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`cordon-server: ${oneLine(message)}`);
  process.exit(error instanceof ConfigError ? WRONG_USAGE : FAILED);
}

main().catch(fail);
