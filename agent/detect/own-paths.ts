import { packageRoot } from '../../shared/package-root.js';
import type { AgentConfig } from '../config.js';
import { placesOn } from '../places.js';

/** What belongs to the agent: no indicator is looked for in it, and no response takes it away. */
export function ownPathsOf({
  data_dir: dataDir,
  control_socket: socket,
}: Pick<AgentConfig, 'data_dir' | 'control_socket'>): string[] {
  const { configFile } = placesOn(process.platform);
  // Not the folder of the socket: it may be one that others write to. A pipe of Windows is no file.
  const sockets = process.platform === 'win32' ? [] : [socket];
  return [dataDir, packageRoot, process.execPath, configFile, ...sockets];
}
