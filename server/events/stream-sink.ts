import type { Clock } from '../../shared/clock.js';
import type { Event } from '../../shared/gen/cordon/v1/event_service.js';
import { toSyslog } from '../../shared/siem/syslog.js';
import type { Sink } from './sink.js';
import { StreamConnection } from './stream-connection.js';
import type { SyslogTarget } from './syslog-target.js';

/**
 * Syslog has no acknowledgement. A receiver that has just stopped answers the bytes with a reset: only when the connection
 * lives for so long after them, milliseconds, do they count as taken.
 */
const SETTLE_MS = 250;

export interface SyslogSinkParts {
  /** The setting, for people. */
  readonly setting: string;
  readonly target: SyslogTarget;
  /** HOSTNAME of the messages. */
  readonly host: string;
  readonly clock: Clock;
}

/** Syslog over TCP or TLS with octet counting (RFC 6587, section 3.4.1; RFC 5425). One connection, made when it is needed. */
export class StreamSink implements Sink {
  readonly target: string;
  readonly most = 500;
  private connection: StreamConnection | undefined;

  /** @param ca PEM of the authorities for TLS; undefined: the public ones that Node.js brings along */
  constructor(
    private readonly parts: SyslogSinkParts,
    private readonly ca: string | undefined,
  ) {
    this.target = `event_syslog ${parts.setting}`;
  }

  async write(events: readonly Event[]): Promise<void> {
    const connection = await this.connected();
    await connection.write(Buffer.concat(events.map((event) => frame(toSyslog(event, this.parts)))));
    await connection.outlives(SETTLE_MS);
  }

  close(): void {
    this.connection?.end(new Error('the export was ended'));
  }

  private async connected(): Promise<StreamConnection> {
    if (this.connection?.isOpen) return this.connection;
    const { target, clock } = this.parts;
    const connection = new StreamConnection(target, this.ca, clock);
    // Before it stands, so that `close` ends the attempt.
    this.connection = connection;
    await connection.opened();
    return connection;
  }
}

function frame(message: string): Buffer {
  const bytes = Buffer.from(message);
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
}
