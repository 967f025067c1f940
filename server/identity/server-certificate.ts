import { X509Certificate, createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isIP } from 'node:net';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { writeDurably } from '../../shared/durable-file.js';
import type { Logger } from '../../shared/log.js';
import { every } from '../../shared/periodic.js';
import type { TlsIdentity } from '../ports/tls-identity.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';
import { toPem } from '../../shared/tls/pem.js';
import type { CertificateAuthority } from './ca.js';
import { P256, exportPrivateKey } from './keys.js';

const VALID_DAYS = 365;
const CHECK_EVERY_MS = 12 * 3_600_000;

export interface ServerCertificateDeps {
  readonly folder: string;
  /** Configured names and addresses. */
  readonly names: readonly string[];
  readonly ca: CertificateAuthority;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The server's own certificate, on disk beside its key. A new one is made when half of its life is over or when it lacks
 * one of the names; `onChange` tells the ports. Close ends the timer.
 */
export class ServerCertificate {
  private readonly listeners = new Set<(identity: TlsIdentity) => void>();
  private readonly stopChecking: CancelTimer;

  private constructor(
    private readonly deps: ServerCertificateDeps,
    private current: TlsIdentity,
  ) {
    this.stopChecking = every(
      deps.clock,
      CHECK_EVERY_MS,
      () => this.check(),
      (error) =>
        deps.log.error({ err: error }, 'the server certificate could not be renewed; trying again later'),
    );
  }

  static async open(deps: ServerCertificateDeps): Promise<ServerCertificate> {
    const stored = readStored(deps);
    const identity = stored && isFresh(stored, deps) ? stored : await renew(deps);
    return new ServerCertificate(deps, identity);
  }

  get identity(): TlsIdentity {
    return this.current;
  }

  onChange(listener: (identity: TlsIdentity) => void): void {
    this.listeners.add(listener);
  }

  close(): void {
    this.stopChecking();
    this.listeners.clear();
  }

  private async check(): Promise<void> {
    if (isFresh(this.current, this.deps)) return;
    this.current = await renew(this.deps);
    for (const listener of this.listeners) listener(this.current);
    this.deps.log.info('renewed the server certificate');
  }
}

function paths(folder: string): { key: string; certificate: string } {
  return { key: join(folder, 'server.key'), certificate: join(folder, 'server.crt') };
}

/** Undefined when there is none that fits together: it costs nothing to make a new one. */
function readStored({ folder, ca }: ServerCertificateDeps): TlsIdentity | undefined {
  const { key: keyFile, certificate: certificateFile } = paths(folder);
  if (!existsSync(keyFile) || !existsSync(certificateFile)) return undefined;
  const key = readFileSync(keyFile, 'utf8');
  const own = readFileSync(certificateFile, 'utf8');
  try {
    const certificate = new X509Certificate(own);
    const fits =
      certificate.verify(new X509Certificate(ca.der).publicKey) &&
      certificate.publicKey.equals(createPublicKey(createPrivateKey(key)));
    return fits ? withCa(own, key, ca) : undefined;
  } catch {
    return undefined;
  }
}

function isFresh(identity: TlsIdentity, { names, clock }: ServerCertificateDeps): boolean {
  const certificate = new X509Certificate(identity.certificateChainPem);
  const start = Date.parse(certificate.validFrom);
  const end = Date.parse(certificate.validTo);
  const now = clock.wall();
  const lacksName = allNames(names).some((name) =>
    isIP(name) ? certificate.checkIP(name) === undefined : certificate.checkHost(name) === undefined,
  );
  return !lacksName && now >= start && now < (start + end) / 2;
}

async function renew({ folder, names, ca, clock }: ServerCertificateDeps): Promise<TlsIdentity> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const validity = { days: VALID_DAYS, now: clock.wall() };
  const { der } = await ca.issueServer(allNames(names), keys.publicKey, validity);
  const key = await exportPrivateKey(keys.privateKey);
  const own = toPem('CERTIFICATE', der);
  const files = paths(folder);
  writeDurably(files.key, key, 0o600);
  writeDurably(files.certificate, own, 0o644);
  return withCa(own, key, ca);
}

/** The CA's certificate goes along: an agent that knows only its fingerprint finds it in the handshake. */
function withCa(own: string, keyPem: string, ca: CertificateAuthority): TlsIdentity {
  const caPem = toPem('CERTIFICATE', ca.der);
  return { certificateChainPem: own + caPem, keyPem, caPem };
}

function allNames(configured: readonly string[]): string[] {
  const machine = hostname();
  const usable = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(machine) ? [machine] : [];
  return [...new Set([SERVER_TLS_NAME, ...configured, ...usable, 'localhost', '127.0.0.1', '::1'])];
}
