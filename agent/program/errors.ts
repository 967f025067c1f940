import { oneLine } from '../../shared/command-line/one-line.js';
import { ConfigError } from '../../shared/config/load.js';
import { EnforceError } from '../enforce/enforcer.js';
import { IdentityError } from '../identity/files.js';
import { ManagementError } from '../identity/management-port.js';
import { FolderError } from '../folder-error.js';
import { StateFileError } from '../isolation/store.js';
import { LocalSocketError } from '../local/listener.js';
import { WindowsError } from '../windows/library.js';

const KNOWN = [
  EnforceError,
  FolderError,
  IdentityError,
  LocalSocketError,
  ManagementError,
  StateFileError,
  WindowsError,
];

/** How a command failed. */
export interface Failure {
  /** One line that says what to do. */
  readonly text: string;
  readonly exitCode: number;
}

/** What a person reads when a command fails, and the exit code: 2 for wrong input, 1 for everything else. */
export function explain(error: unknown): Failure {
  if (error instanceof ConfigError) return { text: oneLine(error.message), exitCode: 2 };
  if (KNOWN.some((kind) => error instanceof kind))
    return { text: oneLine((error as Error).message), exitCode: 1 };
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    const as = process.platform === 'win32' ? 'run it as Administrator' : 'run as root';
    return { text: `${path ?? 'data_dir'}: permission denied; ${as}`, exitCode: 1 };
  }
  if (path !== undefined && code !== undefined) {
    return {
      text: `${path}: ${code}; give another folder with --data-dir, or see what is in its place`,
      exitCode: 1,
    };
  }
  return { text: oneLine(message), exitCode: 1 };
}
