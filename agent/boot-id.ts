import { readFileSync } from 'node:fs';
import { v4 } from 'uuid';
import { readWindowsBootId } from './windows/boot.js';

/**
 * UUID of this boot of the operating system. Where the system has none, each start of the agent counts as a boot of its
 * own: deadlines then go by the wall clock across a restart, and never beyond their original length.
 */
export async function readBootId(): Promise<string> {
  try {
    if (process.platform === 'win32') return await readWindowsBootId();
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return v4();
  }
}
