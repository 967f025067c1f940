import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import { systemEnvironment } from '../net/site/run.js';
import { joined } from './joined.js';

const FAR_END = join(packageRoot, 'dist', 'test', 'windows', 'own-network-process.js');
const LOOPBACK = '127.0.0.1';

/**
 * A network in which there is nothing but ports of this computer's loopback. A whole agent lists and ends every connection
 * of the network that it is in: those of the computer are none of its business, and Wine dies of ending some of them.
 */
export class OwnNetwork {
  private constructor(
    private readonly folder: string,
    private readonly servers: readonly Server[],
    private readonly process: ChildProcess,
  ) {}

  /** @param ports of 127.0.0.1 that are there in the network, too; root only */
  static async open(ports: readonly number[]): Promise<OwnNetwork> {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-network-'));
    const servers = ports.map((port) =>
      createServer((socket) => joined(socket, connect(port, LOOPBACK))).listen(join(folder, `${port}`)),
    );
    await Promise.all(servers.map((server) => once(server, 'listening')));
    const script = 'ip link set lo up && exec "$@"';
    const words = [
      '--net',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      FAR_END,
      folder,
      ...ports.map(String),
    ];
    const child = spawn('unshare', words, {
      env: systemEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const network = new OwnNetwork(folder, servers, child);
    // Its first word says that it listens; its end says that it never will.
    const outcome = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    if (Buffer.isBuffer(outcome[0])) return network;
    network.close();
    throw new Error('a network of its own cannot be made');
  }

  /** Before a program and its arguments: the program is in this network. */
  get entrance(): readonly [string, ...string[]] {
    return ['nsenter', `--net=/proc/${this.process.pid}/ns/net`];
  }

  close(): void {
    this.process.kill('SIGKILL');
    for (const server of this.servers) server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
