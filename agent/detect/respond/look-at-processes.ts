import { lookAtLinuxProcess, type LookAtProcess } from './processes.js';
import { lookAtWindowsProcesses } from './windows-processes.js';

/** Processes of this system. @throws WindowsError, or Error where the libraries of Windows cannot be loaded */
export async function lookAtProcesses(platform: NodeJS.Platform): Promise<LookAtProcess> {
  return platform === 'win32' ? lookAtWindowsProcesses() : lookAtLinuxProcess;
}
