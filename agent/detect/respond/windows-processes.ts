import { win32 } from 'node:path';
import { systemFolder } from '../../windows/library.js';
import { processCalls, type ProcessCalls } from '../collect/windows/process-calls.js';
import type { LookAtProcess } from './processes.js';

/** Programs of the system folder without which Windows stops, or nobody can log in or do anything. */
const CRITICAL = [
  'smss.exe',
  'csrss.exe',
  'wininit.exe',
  'winlogon.exe',
  'services.exe',
  'lsass.exe',
  'lsaiso.exe',
  'svchost.exe',
];
/** The idle process and the kernel. */
const LAST_OF_THE_KERNEL = 4;

/** Processes of Windows. @throws WindowsError, or Error on another platform */
export async function lookAtWindowsProcesses(): Promise<LookAtProcess> {
  const [calls, folder] = await Promise.all([processCalls(), systemFolder()]);
  return lookWith(calls, folder);
}

/** A process that may not be asked belongs to the system: nobody else's is closed to the agent. */
export function lookWith(
  calls: Pick<ProcessCalls, 'list' | 'open'>,
  systemFolderPath: string,
): LookAtProcess {
  return (pid) => {
    const listed = calls.list().find((each) => each.pid === pid);
    if (!listed) return undefined;
    const { parent } = listed;
    try {
      const process = calls.open(pid);
      if (!process) return undefined;
      try {
        const startedAtMs = process.times().started ?? 0;
        const critical = pid <= LAST_OF_THE_KERNEL || isCritical(process.path(), systemFolderPath);
        return { startedAtMs, parent, ended: false, critical };
      } finally {
        process.close();
      }
    } catch {
      return { startedAtMs: NaN, parent, ended: false, critical: true };
    }
  };
}

function isCritical(path: string, systemFolderPath: string): boolean {
  const name = win32.basename(path).toLowerCase();
  return CRITICAL.includes(name) && win32.dirname(path).toLowerCase() === systemFolderPath.toLowerCase();
}
