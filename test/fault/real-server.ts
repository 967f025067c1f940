import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Metadata, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { packageRoot } from '../../shared/package-root.js';
import { fetchCaCertificate } from '../../shared/tls/fetch-ca.js';
import { toPem } from '../../shared/tls/pem.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `cordon-server` as a process of its own that may be killed and started again on the same data. */
export class RealServer {
  private child: ChildProcess | undefined;
  private stderr = '';
  /** PEM of the CA. */
  ca = '';
  caFingerprint = '';
  private token = '';

  private constructor(
    readonly folder: string,
    readonly agentPort: number,
    readonly managementPort: number,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** @param settings more of its environment, for a server with this data folder */
  static async open(
    settings: (folder: string) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<RealServer> {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-server-test-'));
    const server = new RealServer(folder, await freePort(), await freePort(), settings(folder));
    await server.start();
    return server;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('the server does not run');
    return this.child.pid;
  }

  /** Everything that it has logged. */
  get log(): string {
    return this.stderr;
  }

  /** Starts it and resolves when it serves. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(packageRoot, 'bin', 'cordon-server')], {
      env: {
        ...process.env,
        CORDON_SERVER_DATA_DIR: this.folder,
        CORDON_SERVER_AGENT_LISTEN: `127.0.0.1:${this.agentPort}`,
        CORDON_SERVER_MANAGEMENT_LISTEN: `127.0.0.1:${this.managementPort}`,
        CORDON_SERVER_RECONNECT_SPREAD_SECONDS: '0',
        CORDON_SERVER_HEARTBEAT_SECONDS: '1',
        CORDON_SERVER_DRAIN_SECONDS: '1',
        ...this.settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const printed = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (/ready|listening/i.test(text)) resolve(text);
      });
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${this.stderr}`)));
    });
    if (this.token !== '') return;
    this.token = /--token (\S+)/.exec(printed)?.[1] ?? '';
    this.caFingerprint = /--ca-fingerprint ([0-9a-f]{64})/.exec(printed)?.[1] ?? '';
    const der = await fetchCaCertificate('127.0.0.1', this.managementPort, this.caFingerprint, 5_000);
    this.ca = toPem('CERTIFICATE', der);
  }

  /** Ends it, without warning by default. Resolves to its exit code; null: the signal ended it, or it was gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return gone;
  }

  /** Environment in which `cordon` is the administrator's. Writes the CA to a file in the server's folder. */
  operatorEnvironment(): Record<string, string> {
    const ca = join(this.folder, 'operator-ca.crt');
    writeFileSync(ca, this.ca);
    return {
      HOME: this.folder,
      CORDON_SERVER: `127.0.0.1:${this.managementPort}`,
      CORDON_TOKEN: this.token,
      CORDON_CA: ca,
    };
  }

  /** A management client with the administrator's token. The caller closes it. */
  connect(): ManagementClient {
    return new ManagementClient(this.managementPort, this.ca, this.token);
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class ManagementClient {
  private readonly client: Client;
  private readonly metadata = new Metadata();

  constructor(port: number, ca: string, token: string) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(ca)), {
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': SERVER_TLS_NAME,
    });
    this.metadata.set('authorization', `Bearer ${token}`);
  }

  /** One unary call with a deadline. */
  call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    timeoutMs = 10_000,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => (response ? resolve(response) : reject(error ?? new Error('no answer'))),
      );
    });
  }

  close(): void {
    this.client.close();
  }
}
