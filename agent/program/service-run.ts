import { join } from 'node:path';
import { noteResume } from '../../shared/clock.js';
import { createLog } from '../../shared/log.js';
import type { RunningAgent } from '../agent.js';
import { placesOn } from '../places.js';
import { LogFile } from '../windows/log-file.js';
import { hostService } from '../windows/service-host.js';
import { SERVICE_NAME } from '../windows/service-definition.js';
import type { Flags } from './options.js';
import { configFile, LOG_FILE, onWindowsOnly } from './service-settings.js';

/** What the service control manager starts. */
export async function runService(flags: Flags): Promise<void> {
  onWindowsOnly();
  const dataDir =
    typeof flags['dataDir'] === 'string' ? flags['dataDir'] : placesOn(process.platform).dataDir;
  const logFile = new LogFile(join(dataDir, LOG_FILE));
  let log = createLog('cordon-agent', 'info', logFile);
  let agent: RunningAgent | undefined;
  const hosted = await hostService(SERVICE_NAME, {
    start: async () => {
      // Only now, when the service control manager knows that this process is its service.
      const [{ readConfig }, { startConfigured }] = await Promise.all([
        import('./options.js'),
        import('./run.js'),
      ]);
      const config = readConfig({ config: configFile(flags), dataDir });
      log = createLog('cordon-agent', config.log_level, logFile);
      agent = await startConfigured(config, log);
    },
    stop: async () => {
      log.info('the service stops; an isolation stays in force');
      await agent?.stop();
    },
    resumed: noteResume,
    failed: (error) => log.warn({ err: error }, 'a call for the service failed'),
  });
  if (hosted.kind === 'stopped') return;
  log.fatal({ err: hosted.error }, 'the service cannot start');
  throw hosted.error;
}
