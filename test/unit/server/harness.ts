import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Metadata, credentials, type ChannelOptions, type ServiceError } from '@grpc/grpc-js';
import { pino } from 'pino';
import { createAgentPlane } from '../../../server/agent-plane.js';
import { serverConfigSchema } from '../../../server/config.js';
import { startServer, type RunningServer } from '../../../server/server.js';
import { systemClock } from '../../../shared/clock.js';
import { readServiceError, type RemoteError } from '../../../shared/errors.js';
import { deviceUri } from '../../../shared/ids.js';
import { fetchCaCertificate } from '../../../shared/tls/fetch-ca.js';
import { toPem } from '../../../shared/tls/pem.js';
import { SERVER_TLS_NAME } from '../../../shared/tls/server-name.js';
import * as x509 from '../../../shared/tls/x509.js';

/** A real server on free ports, with everything it logged. */
export class TestServer {
  private constructor(
    readonly dataDir: string,
    readonly running: RunningServer,
    readonly logged: string[],
    readonly caPem: string,
    readonly admin: Metadata,
  ) {}

  static async start(settings: Record<string, unknown> = {}): Promise<TestServer> {
    const dataDir = mkdtempSync(join(tmpdir(), 'cordon-server-'));
    const logged: string[] = [];
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        logged.push(chunk.toString());
        done();
      },
    });
    const listen = { agent_listen: '127.0.0.1:0', management_listen: '127.0.0.1:0', drain_seconds: 1 };
    const config = serverConfigSchema.parse({ data_dir: dataDir, ...listen, ...settings });
    const log = pino({ level: 'debug' }, sink);
    const running = await startServer(config, { log, clock: systemClock, plane: createAgentPlane });
    const ca = await fetchCaCertificate('127.0.0.1', running.managementPort, running.caFingerprint, 5000);
    const admin = bearer(running.initialAdminToken ?? '');
    return new TestServer(dataDir, running, logged, toPem('CERTIFICATE', ca), admin);
  }

  /** A client of the management port. */
  client<Client>(
    Kind: new (
      address: string,
      creds: ReturnType<typeof credentials.createSsl>,
      options: ChannelOptions,
    ) => Client,
  ): Client {
    const creds = credentials.createSsl(Buffer.from(this.caPem));
    return new Kind(`127.0.0.1:${this.running.managementPort}`, creds, {
      'grpc.ssl_target_name_override': SERVER_TLS_NAME,
    });
  }

  async stop(): Promise<void> {
    await this.running.stop();
    rmSync(this.dataDir, { recursive: true });
  }
}

export function bearer(secret: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${secret}`);
  return metadata;
}

/** The answer of a unary call made with callbacks. */
export function answer<Response>(
  start: (done: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** The error of a call that must fail. */
export async function refusal(call: Promise<unknown>): Promise<RemoteError> {
  try {
    await call;
  } catch (error) {
    return readServiceError(error as ServiceError);
  }
  throw new Error('the call was expected to fail');
}

export interface TestKey {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly keyPem: string;
}

export async function newKey(namedCurve = 'P-256'): Promise<TestKey> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { keys, keyPem: toPem('PRIVATE KEY', pkcs8) };
}

export async function newCsr({ keys }: TestKey, deviceId: string): Promise<Buffer> {
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${deviceId}`,
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: deviceUri(deviceId) }])],
  });
  return Buffer.from(csr.rawData);
}
