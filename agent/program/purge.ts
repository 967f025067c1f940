import { lstatSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../shared/config/load.js';
import { DOCUMENTS_FOLDER } from '../detect/documents.js';
import { QUARANTINE_FOLDER } from '../detect/quarantine/quarantine.js';
import { SCANS_FOLDER } from '../detect/scan-folder.js';
import { chooseEnforcer } from '../enforce/choose.js';
import { readFolderIfThere } from '../read-folder.js';
import { readSettings, type Flags } from './options.js';
import { WindowsError } from '../windows/library.js';
import { uninstallService } from './service.js';

const ERROR_SERVICE_MARKED_FOR_DELETE = 1072;

/** Everything that an agent writes into its data folder; nothing else in there is touched. */
const OURS =
  /^(device-id|credentials\.pem|candidate\.pem|ca\.pem|isolation\.json|server-addresses\.json|events\.log|commands\.log|agent\.log|agent\.log\.1)(\.\d+\.new)?$/;

/** For an uninstaller: takes our rules out of the packet filter, then forgets the device. */
export async function purge(flags: Flags): Promise<void> {
  const { yes, withQuarantine, ...others } = flags;
  const settings = readSettings(others);
  if (yes !== true) {
    throw new ConfigError(
      '--yes: missing; purge releases this device and forgets its identity, give --yes to do so',
    );
  }
  const quarantine = join(settings.data_dir, QUARANTINE_FOLDER);
  const held = readFolderIfThere(quarantine).filter((name) => name.endsWith('.json')).length;
  if (held > 0 && withQuarantine !== true) {
    throw new ConfigError(
      `${quarantine}: holds ${held} ${held === 1 ? 'file' : 'files'} that only the agent can put back; restore them with "cordon-agent quarantine restore", or give --with-quarantine to destroy them`,
    );
  }
  await afterService(process.platform === 'win32' ? uninstallService : undefined, async () => {
    await chooseEnforcer(settings.enforcer).clear();
    for (const name of readFolderIfThere(settings.data_dir)) {
      if (OURS.test(name)) rmSync(join(settings.data_dir, name), { force: true });
    }
    for (const folder of [DOCUMENTS_FOLDER, SCANS_FOLDER, QUARANTINE_FOLDER]) {
      rmSync(join(settings.data_dir, folder), { recursive: true, force: true });
    }
    removeIfEmpty(settings.data_dir);
    // A pipe ends with its process.
    if (process.platform !== 'win32') removeSocket(settings.control_socket);
    console.log('removed: rules, state and identity of this device');
  });
}

/**
 * Does the rest when the service is gone: one that ran on would put its rules back. One that has ended and whose name
 * Windows keeps until others let go of it holds nothing up, and is told of afterwards.
 */
export async function afterService(
  uninstall: (() => Promise<unknown>) | undefined,
  rest: () => Promise<void>,
): Promise<void> {
  let lingering: WindowsError | undefined;
  try {
    await uninstall?.();
  } catch (error) {
    if (!(error instanceof WindowsError && error.code === ERROR_SERVICE_MARKED_FOR_DELETE)) throw error;
    lingering = error;
  }
  await rest();
  if (lingering) throw lingering;
}

/** What an agent that was killed left. A pipe of Windows goes with the process that made it. */
function removeSocket(path: string): void {
  if (process.platform === 'win32') return;
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
  removeIfEmpty(dirname(path));
}

/** What is in there and not ours keeps the folder. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(code)) throw error;
  }
}
