import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';

/** The scan gives way to everything else: to its processor (nice 19, on Windows the idle class), and on Linux to its disk. */
export function giveWay(): void {
  try {
    setPriority(process.platform === 'win32' ? constants.priority.PRIORITY_LOW : 19);
  } catch {
    // Not allowed here: the share of the processors holds all the same.
  }
  // Node cannot ask for it itself. It holds for threads that begin later, and the files are read by such.
  if (process.platform === 'linux') {
    const ionice = spawn('ionice', ['-c', '3', '-p', String(process.pid)], { stdio: 'ignore' });
    ionice.on('error', () => undefined);
    ionice.unref();
  }
}
