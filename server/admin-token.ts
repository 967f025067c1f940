import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../shared/clock.js';
import { ConfigError } from '../shared/config/load.js';
import { takeDataDir } from './data-dir.js';
import { makeAdministrator } from './identity/api-tokens.js';
import { CertificateAuthority } from './identity/ca.js';
import { Store } from './store/store.js';

/**
 * Makes one more administrator token in the data folder of a server that does not run. Whoever can write there owns the
 * server anyway.
 * @throws ConfigError if the folder is not that of a server, or a server runs on it
 */
export async function makeAdminToken(
  dataDir: string,
  clock: Clock,
): Promise<{ token: string; caFingerprint: string }> {
  if (!existsSync(join(dataDir, 'cordon.db'))) {
    throw new ConfigError(
      `data_dir: ${dataDir} is not the data folder of a server; give the server's own with --data-dir`,
    );
  }
  const folder = takeDataDir(dataDir);
  try {
    const ca = await CertificateAuthority.open(folder.path, clock.wall());
    const store = await Store.openSqlite(folder.storeFile);
    try {
      const token = await store.write((tx) => makeAdministrator(tx, clock.wall()));
      return { token, caFingerprint: ca.fingerprint };
    } finally {
      await store.close();
    }
  } finally {
    folder.release();
  }
}
