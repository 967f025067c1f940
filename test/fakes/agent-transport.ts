import { Subject } from 'rxjs';
import type { Transport } from '../../agent/link/transport.js';
import { ConnectRequest, ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';

type Said = NonNullable<ConnectRequest['payload']>;
type PayloadOf<Case extends Said['$case']> = Extract<Said, { $case: Case }>['value'];
type Reply = NonNullable<ConnectResponse['payload']>;

/** The agent's end of a stream in memory; a test plays the server. */
export class AgentTransport implements Transport {
  readonly messages = new Subject<ConnectResponse>();
  readonly drained = new Subject<void>();
  readonly said: ConnectRequest[] = [];
  finished = false;
  aborted = false;
  private room = true;
  private seq = 0n;

  send(message: ConnectRequest): boolean {
    // Over the wire and back, so that a test sees what a server would see.
    this.said.push(ConnectRequest.decode(ConnectRequest.encode(message).finish()));
    return this.room;
  }

  finish(): void {
    this.finished = true;
  }

  abort(): void {
    this.aborted = true;
  }

  /** The server says something, with the next number. */
  reply(payload: Reply | undefined, ack = 0n): void {
    this.messages.next({ seq: ++this.seq, ack, payload });
  }

  welcome(change: Partial<Extract<Reply, { $case: 'welcome' }>['value']> = {}): void {
    const base = ConnectResponse.fromPartial({ payload: { $case: 'welcome', value: {} } }).payload as Extract<
      Reply,
      { $case: 'welcome' }
    >;
    this.reply({ $case: 'welcome', value: { ...base.value, ...change } });
  }

  /** The server does not read. */
  stall(): void {
    this.room = false;
  }

  resume(): void {
    this.room = true;
    this.drained.next();
  }

  /** What the agent said of one kind, oldest first. */
  payloads<Case extends Said['$case']>(wanted: Case): PayloadOf<Case>[] {
    return this.said.flatMap(({ payload }) =>
      payload?.$case === wanted ? [payload.value as PayloadOf<Case>] : [],
    );
  }
}
