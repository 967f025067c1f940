import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../shared/package-root.js';
import { prepareDataFolder } from '../data-folder.js';
import { placesOn } from '../places.js';
import { registerEventSource, removeEventSource } from '../windows/event-log.js';
import { folderSecurity } from '../windows/folder-security.js';
import { WindowsError } from '../windows/library.js';
import { agentService, SERVICE_NAME } from '../windows/service-definition.js';
import { ServiceManager } from '../windows/service-manager.js';
import { readConfig, type Flags } from './options.js';
import { configFile, LOG_FILE, onWindowsOnly } from './service-settings.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

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

function openManager(): Promise<ServiceManager> {
  return ServiceManager.open({
    progress: (text) => console.error(text),
    now: () => performance.now(),
    sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
  });
}
