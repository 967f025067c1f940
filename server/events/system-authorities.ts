import { existsSync, readFileSync } from 'node:fs';

/** Where distributions keep the authorities that the system trusts: Debian, Red Hat, SUSE, Alpine and others. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * The authorities that this computer trusts, PEM: an administrator adds those of the company there. Undefined: there is no such
 * file, and the public ones that Node.js brings along have to do.
 */
export function systemAuthorities(): string | undefined {
  const bundle = BUNDLES.find((path) => existsSync(path));
  return bundle === undefined ? undefined : readFileSync(bundle, 'utf8');
}
