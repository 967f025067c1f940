import type { Clock } from '../shared/clock.js';
import { takeDataDir } from './data-dir.js';
import { makeAdministrator } from './identity/api-tokens.js';
import { CertificateAuthority } from './identity/ca.js';
import { Store } from './store/store.js';

/**
 * Makes one more administrator token in the data folder of a server that does not run. Whoever can write there owns the
 * server anyway.
 * @throws ConfigError if a server runs on the folder
 */
export async function makeAdminToken(
  dataDir: string,
  clock: Clock,
): Promise<{ token: string; caFingerprint: string }> {
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
