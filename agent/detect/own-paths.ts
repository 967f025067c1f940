import { dirname } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import type { AgentConfig } from '../config.js';
import { placesOn } from '../places.js';

/** What belongs to the agent: no indicator is looked for in it, and no response takes it away. */
export function ownPathsOf({
  data_dir: dataDir,
  control_socket: socket,
}: Pick<AgentConfig, 'data_dir' | 'control_socket'>): string[] {
  const { configFile } = placesOn(process.platform);
  const folders = [dataDir, packageRoot, process.execPath, configFile];
  // A pipe of Windows is in no folder.
  return process.platform === 'win32' ? folders : [...folders, dirname(socket)];
}
