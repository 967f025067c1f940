import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { ConfigError } from '../shared/config/load.js';
import { writeDurably } from '../shared/durable-file.js';
import { makeFolder } from '../shared/folder.js';

/** The data folder, held by this process alone. */
export interface DataDir {
  readonly path: string;
  /** SQLite file of the store. */
  readonly storeFile: string;
  release(): void;
}

/**
 * Makes the folder if it is missing and takes it for this process. The lock is one that the operating system drops with
 * the process, however it ends: a lock left behind by a dead server does not exist.
 * @throws ConfigError if the folder cannot be used or another server has it
 */
export function takeDataDir(path: string): DataDir {
  const pidFile = join(path, 'server.pid');
  let lock: InstanceType<typeof Sqlite> | undefined;
  try {
    makeFolder(path, 0o700);
    lock = new Sqlite(join(path, 'server.lock'));
    lock.pragma('busy_timeout = 0');
    lock.exec('begin exclusive');
    writeDurably(pidFile, `${process.pid}\n`, 0o644);
  } catch (error) {
    lock?.close();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'SQLITE_BUSY') {
      throw new ConfigError(
        `data_dir: ${path} is in use by another cordon-server${holder(pidFile)}; stop it or choose another folder`,
      );
    }
    throw new ConfigError(
      `data_dir: ${path} cannot be used (${message}); choose a folder that this user may write to`,
    );
  }
  const held = lock;
  return {
    path,
    storeFile: join(path, 'cordon.db'),
    release: () => {
      held.exec('rollback');
      held.close();
    },
  };
}

function holder(pidFile: string): string {
  try {
    return ` (process ${readFileSync(pidFile, 'utf8').trim()})`;
  } catch {
    return '';
  }
}
