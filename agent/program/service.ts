import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noteResume } from '../../shared/clock.js';
import { ConfigError } from '../../shared/config/load.js';
import { createLog } from '../../shared/log.js';
import { packageRoot } from '../../shared/package-root.js';
import type { RunningAgent } from '../agent.js';
import { prepareDataFolder } from '../data-folder.js';
import { placesOn } from '../places.js';
import { registerEventSource, removeEventSource } from '../windows/event-log.js';
import { folderSecurity } from '../windows/folder-security.js';
import { WindowsError } from '../windows/library.js';
import { LogFile } from '../windows/log-file.js';
import { agentService, SERVICE_NAME } from '../windows/service-definition.js';
import { hostService } from '../windows/service-host.js';
import { ServiceManager } from '../windows/service-manager.js';
import { readConfig, type Flags } from './options.js';
import { startConfigured } from './run.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** Log of the agent as a service, in its data folder. */
const LOG_FILE = 'agent.log';

/** Makes the Windows service, or brings one that is there up to date, and starts it. */
export async function installService(flags: Flags): Promise<void> {
  onWindowsOnly();
  const security = await folderSecurity();
  // Before the settings are read: they may be in it.
  security.make(placesOn(process.platform).dataDir);
  const file = configFile(flags);
  const { data_dir: dataDir } = readConfig({ config: file, dataDir: flags['dataDir'] });
  await prepareDataFolder(dataDir);
  for (const place of placesThatGiveOrders(file)) security.check(place, 'unchangeable');
  const manager = await openManager();
  // A service has another environment than a console: nothing is left to it.
  const command = [process.execPath, MAIN, 'service', 'run', '--config', file, '--data-dir', dataDir];
  const missing = manager.install(agentService(command));
  await registerEventSource();
  console.log(`installed: service ${SERVICE_NAME}, settings ${file}, log ${join(dataDir, LOG_FILE)}`);
  if (missing.length > 0) console.error(`this Windows does not know: ${missing.join(', ')}`);
  if (flags['start'] === false) {
    console.log(`next: "sc start ${SERVICE_NAME}"`);
    return;
  }
  const started = await manager.start(SERVICE_NAME);
  console.log(
    started
      ? `the service ${SERVICE_NAME} runs`
      : `the service ${SERVICE_NAME} runs already; new settings count after "sc stop ${SERVICE_NAME}" and "sc start ${SERVICE_NAME}"`,
  );
}

/**
 * Whoever may change one of these would give LocalSystem orders. Files, too: one that was moved into a folder keeps the
 * rights that it had where it came from.
 */
export function placesThatGiveOrders(configFile: string): string[] {
  const files = [configFile, process.execPath, MAIN];
  return [...new Set([...files, ...files.map((file) => dirname(file)), packageRoot])];
}

/** Stops and removes the service. An isolation stays in force: `purge` ends it. */
export async function removeService(): Promise<void> {
  onWindowsOnly();
  const removed = await uninstallService();
  console.log(
    removed
      ? `removed: service ${SERVICE_NAME}; an isolation stays in force, "cordon-agent purge --yes" ends it`
      : `there is no service ${SERVICE_NAME}`,
  );
}

/** False: there was none. */
export async function uninstallService(): Promise<boolean> {
  const removed = await (await openManager()).remove(SERVICE_NAME);
  await removeEventSource();
  return removed;
}

export async function serviceStatus(): Promise<void> {
  onWindowsOnly();
  const status = (await openManager()).status(SERVICE_NAME);
  if (!status) {
    const hint = `there is no service ${SERVICE_NAME}; "cordon-agent service install" makes it`;
    throw new WindowsError('OpenServiceW', 1060, hint);
  }
  const { state, processId, exitCode } = status;
  console.log(`service       ${SERVICE_NAME}`);
  console.log(`state         ${state}`);
  if (processId !== 0) console.log(`process       ${processId}`);
  if (exitCode !== 0) console.log(`last error    ${exitCode}`);
}

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

function configFile({ config }: Flags): string {
  const file = typeof config === 'string' ? resolve(config) : placesOn(process.platform).configFile;
  if (existsSync(file)) return file;
  throw new ConfigError(
    `${file}: is not there; write server, enrollment_token and ca_fingerprint into it, or give another file with --config`,
  );
}

function openManager(): Promise<ServiceManager> {
  return ServiceManager.open({
    progress: (text) => console.error(text),
    now: () => performance.now(),
    sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
  });
}

function onWindowsOnly(): void {
  if (process.platform === 'win32') return;
  throw new ConfigError(
    'service: is for Windows; on Linux systemd starts the agent, see agent/systemd/cordon-agent.service',
  );
}
