import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { v4 } from 'uuid';
import { readIfThere, syncFolder, writeDurably } from '../../shared/durable-file.js';
import { makeFolder } from '../../shared/folder.js';
import { isId } from '../../shared/ids.js';
import { renameOver } from '../../shared/rename-over.js';
import { certificatesFromPem, toPem } from '../../shared/tls/pem.js';

/** What a connection needs. All DER. */
export interface Credentials {
  /** PKCS#8. Never leaves this computer. */
  readonly privateKey: Buffer;
  readonly certificate: Buffer;
  /** Certificates of the CA that the server is verified with. */
  readonly ca: readonly Buffer[];
}

/** A key and, once it has been issued, its certificate. One file, so that they change together. */
export interface KeyPair {
  readonly privateKey: Buffer;
  readonly certificate: Buffer | undefined;
}

/** A file of the identity cannot be used. The message names it and says what to do. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

/** Which of the two pairs: the one in use, or the one that has yet to prove itself. */
export type Slot = 'current' | 'candidate';

const FILES: Readonly<Record<Slot, string>> = { current: 'credentials.pem', candidate: 'candidate.pem' };

/** The identity of a device on disk. Every write is safe against a crash before it returns. */
export class IdentityFiles {
  constructor(private readonly dataDir: string) {
    makeFolder(dataDir, 0o700);
  }

  /** Made at the first call and kept for ever. */
  deviceId(): string {
    const path = join(this.dataDir, 'device-id');
    const text = readIfThere(path);
    if (text !== undefined) {
      const id = text.trim();
      if (isId(id)) return id;
      throw new IdentityError(
        `${path}: is not a UUID; restore it, or run "cordon-agent purge --yes" and enrol again`,
      );
    }
    const id = v4();
    writeDurably(path, `${id}\n`, 0o600);
    return id;
  }

  /** @throws IdentityError where the file is there and damaged */
  read(slot: Slot): KeyPair | undefined {
    const path = join(this.dataDir, FILES[slot]);
    const pem = readIfThere(path);
    try {
      if (pem === undefined) return undefined;
      const privateKey = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
      const [certificate] = certificatesFromPem(pem);
      return { privateKey, certificate };
    } catch (error) {
      const why = (error as Error).message;
      throw new IdentityError(
        `${path}: holds no usable key (${why}); restore it, or run "cordon-agent purge --yes" and enrol again`,
      );
    }
  }

  write(slot: Slot, { privateKey, certificate }: KeyPair): void {
    const pem = toPem('PRIVATE KEY', privateKey) + (certificate ? toPem('CERTIFICATE', certificate) : '');
    writeDurably(join(this.dataDir, FILES[slot]), pem, 0o600);
  }

  /** The candidate becomes the pair in use, in one step. */
  adoptCandidate(): void {
    renameOver(join(this.dataDir, FILES.candidate), join(this.dataDir, FILES.current));
    syncFolder(this.dataDir);
  }

  dropCandidate(): void {
    rmSync(join(this.dataDir, FILES.candidate), { force: true });
    syncFolder(this.dataDir);
  }

  /** Empty where none is pinned yet. */
  readCa(): Buffer[] {
    const pem = readIfThere(join(this.dataDir, 'ca.pem'));
    return pem === undefined ? [] : certificatesFromPem(pem);
  }

  writeCa(certificates: readonly Buffer[]): void {
    const pem = certificates.map((der) => toPem('CERTIFICATE', der)).join('');
    writeDurably(join(this.dataDir, 'ca.pem'), pem, 0o644);
  }
}

/** Whether a certificate was made for a key. */
export function belongsTo(certificate: Buffer, privateKey: Buffer): boolean {
  const key = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
  const spki = (der: ReturnType<typeof createPublicKey>): Buffer =>
    der.export({ type: 'spki', format: 'der' });
  return spki(new X509Certificate(certificate).publicKey).equals(spki(createPublicKey(key)));
}
