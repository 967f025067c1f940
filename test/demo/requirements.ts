import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';

/** Installs what the demo needs from the system, or says how. Ends the process where it cannot go on. */
export function requireSystemTools(): void {
  if (process.platform !== 'linux') {
    console.error('The demo builds a network out of Linux network namespaces; run it on Linux.');
    process.exit(1);
  }
  const { status } = spawnSync('bash', [join(packageRoot, 'test', 'setup.sh'), 'demo'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
