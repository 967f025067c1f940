import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../../shared/config/load.js';
import { placesOn } from '../places.js';
import type { Flags } from './options.js';

/** Log of the agent as a service, in its data folder. */
export const LOG_FILE = 'agent.log';

/** The file that has the settings of the service. @throws ConfigError: it is not there */
export function configFile({ config }: Flags): string {
  const file = typeof config === 'string' ? resolve(config) : placesOn(process.platform).configFile;
  if (existsSync(file)) return file;
  throw new ConfigError(
    `${file}: is not there; write server, enrollment_token and ca_fingerprint into it, or give another file with --config`,
  );
}

/** @throws ConfigError where there are no services of Windows */
export function onWindowsOnly(): void {
  if (process.platform === 'win32') return;
  throw new ConfigError(
    'service: is for Windows; on Linux systemd starts the agent, see agent/systemd/cordon-agent.service',
  );
}
