import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../shared/clock.js';
import type { SyslogTarget } from './syslog-target.js';

/** Name look-up, TCP and TLS together, milliseconds. */
const CONNECT_WITHIN_MS = 10_000;
/** For one batch; a receiver that does not read for so long is left, milliseconds. */
const WRITE_WITHIN_MS = 30_000;
/** An idle connection that is gone is noticed after this and ten seconds more, milliseconds. */
const KEEPALIVE_MS = 30_000;

/** A connection to a receiver over TCP or TLS. It ends once, with its reason. */
export class StreamConnection {
  private readonly socket: Socket;
  private problem: Error | undefined;
  private readonly watchers = new Set<(problem: Error) => void>();

  /**
   * Begins to connect; `opened` says when it is done.
   * @param ca PEM of the authorities for TLS; undefined: the public ones that Node.js brings along
   */
  constructor(
    private readonly target: SyslogTarget,
    ca: string | undefined,
    private readonly clock: Clock,
  ) {
    const { host, port, transport } = target;
    const servername = isIP(host) === 0 ? { servername: host } : {};
    this.socket =
      transport === 'tls' ? connectTls({ host, port, ca, ...servername }) : connectTcp({ host, port });
    this.socket.setKeepAlive(true, KEEPALIVE_MS);
    this.socket.on('error', (error) => this.end(error));
    this.socket.on('end', () => this.end(new Error('the receiver closed the connection')));
    this.socket.on('close', () => this.end(new Error('the connection was closed')));
    // What a receiver says is not looked at; unread, it would hide that it closes.
    this.socket.resume();
  }

  /**
   * Resolves when the connection stands, with TLS when the certificate is verified. Called once.
   * @throws Error of the connection, or after ten seconds
   */
  opened(): Promise<void> {
    return this.unless(CONNECT_WITHIN_MS, 'no connection', (done) => {
      this.socket.once(this.target.transport === 'tls' ? 'secureConnect' : 'connect', () => done());
    });
  }

  /** It has not ended. */
  get isOpen(): boolean {
    return this.problem === undefined;
  }

  /** Resolves when the operating system has taken the bytes. @throws Error when the connection ends first, or after 30 s */
  write(bytes: Buffer): Promise<void> {
    return this.unless(WRITE_WITHIN_MS, 'the receiver does not read', (done) => {
      this.socket.write(bytes, (error) => {
        if (!error) done();
      });
    });
  }

  /** Resolves if the connection lives for `ms` more milliseconds. @throws Error why it did not */
  outlives(ms: number): Promise<void> {
    return this.unless(undefined, '', (done) => this.clock.after(ms, done));
  }

  end(problem: Error): void {
    if (this.problem) return;
    this.problem = problem;
    this.socket.destroy();
    for (const watcher of [...this.watchers]) watcher(problem);
  }

  /** Waits for `start` to be done; fails with the connection, which ends when it takes too long. */
  private async unless(
    withinMs: number | undefined,
    tooLong: string,
    start: (done: () => void) => void,
  ): Promise<void> {
    if (this.problem) throw this.problem;
    let ended = (_problem: Error): void => undefined;
    const cancel =
      withinMs === undefined
        ? () => undefined
        : this.clock.after(withinMs, () => this.end(new Error(`${tooLong} within ${withinMs / 1000} s`)));
    try {
      await new Promise<void>((resolve, reject) => {
        ended = reject;
        this.watchers.add(ended);
        start(resolve);
      });
    } finally {
      cancel();
      this.watchers.delete(ended);
    }
  }
}
