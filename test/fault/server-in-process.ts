import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import Sqlite from 'libsql';
import { createAgentPlane } from '../../server/agent-plane.js';
import { serverConfigSchema } from '../../server/config.js';
import { startServer, type RunningServer } from '../../server/server.js';
import { systemClock, type Clock } from '../../shared/clock.js';
import { fetchCaCertificate } from '../../shared/tls/fetch-ca.js';
import { toPem } from '../../shared/tls/pem.js';
import { ManagementClient, freePort } from './real-server.js';

const DAY_MS = 86_400_000;

/** The whole server in this process: its clock can be moved and its certificates can be shorter than a person may set. */
export class ServerInProcess {
  private running: RunningServer | undefined;
  private token = '';
  private text = '';
  /** Added to the wall clock, milliseconds. */
  wallShiftMs = 0;
  /** Added to the time since boot, milliseconds. */
  bootShiftMs = 0;
  /** PEM of the CA. */
  ca = '';
  caFingerprint = '';

  private constructor(
    readonly folder: string,
    readonly agentPort: number,
    readonly managementPort: number,
    private readonly certificateMs: number,
  ) {}

  /** @param options certificateMs: how long device certificates are valid, default 30 days */
  static async open(
    options: { readonly certificateMs?: number; readonly wallShiftMs?: number } = {},
  ): Promise<ServerInProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-server-test-'));
    const life = options.certificateMs ?? 30 * DAY_MS;
    const server = new ServerInProcess(folder, await freePort(), await freePort(), life);
    server.wallShiftMs = options.wallShiftMs ?? 0;
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const clock: Clock = {
      ...systemClock,
      wall: () => systemClock.wall() + this.wallShiftMs,
      sinceBoot: () => systemClock.sinceBoot() + this.bootShiftMs,
    };
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.text += chunk.toString();
        done();
      },
    });
    const config = serverConfigSchema.parse({
      data_dir: this.folder,
      agent_listen: `127.0.0.1:${this.agentPort}`,
      management_listen: `127.0.0.1:${this.managementPort}`,
      drain_seconds: 1,
      reconnect_spread_seconds: 0,
      heartbeat_seconds: 1,
    });
    this.running = await startServer(
      { ...config, certificate_days: this.certificateMs / DAY_MS },
      { log: pino({ level: 'info' }, sink), clock, plane: createAgentPlane },
    );
    this.token = this.running.initialAdminToken ?? this.token;
    this.caFingerprint = this.running.caFingerprint;
    const der = await fetchCaCertificate('127.0.0.1', this.managementPort, this.caFingerprint, 5_000);
    this.ca = toPem('CERTIFICATE', der);
  }

  /** Everything that it has logged. */
  get log(): string {
    return this.text;
  }

  /** A management client with the administrator's token. The caller closes it. */
  connect(): ManagementClient {
    return new ManagementClient(this.managementPort, this.ca, this.token);
  }

  /** Every row of every table as text, but for signs of life, which come and go by themselves. */
  storeContents(): string {
    const file = new Sqlite(join(this.folder, 'cordon.db'), { readonly: true });
    try {
      const tables = file
        .prepare("select name from sqlite_master where type = 'table' order by name")
        .all() as {
        name: string;
      }[];
      const rows = tables.map(({ name }) => [name, file.prepare(`select * from "${name}"`).all()]);
      return JSON.stringify(rows, (key, value: unknown) => (key === 'last_seen_at' ? undefined : value), 1);
    } finally {
      file.close();
    }
  }

  /** Stops and keeps the folder. */
  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
