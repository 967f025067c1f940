import type { StatusObject } from '@grpc/grpc-js';
import { ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Transport } from '../../server/link/transport.js';

/** The server's end of a stream in memory: what was said is kept, and the reader can be made slow. */
export class MemoryTransport implements Transport {
  readonly said: ConnectResponse[] = [];
  ending: Partial<StatusObject> | undefined;
  private writable = (): void => undefined;
  private open = true;
  private unwritten: (() => void)[] = [];

  constructor(readonly peer = '198.51.100.1:50000') {}

  send(message: ConnectResponse, written?: () => void): boolean {
    // Over the wire and back, so that a test sees what an agent would see.
    this.said.push(ConnectResponse.decode(ConnectResponse.encode(message).finish()));
    if (written && this.open) queueMicrotask(written);
    else if (written) this.unwritten.push(written);
    return this.open;
  }

  onWritable(listener: () => void): void {
    this.writable = listener;
  }

  end(status: Partial<StatusObject>): void {
    this.ending ??= status;
  }

  /** The reader stops reading. */
  stall(): void {
    this.open = false;
  }

  /** The reader reads again. */
  resume(): void {
    this.open = true;
    this.unwritten.splice(0).forEach((written) => written());
    this.writable();
  }

  /** Payloads of one case, oldest first. */
  payloads<Case extends Payload['$case']>(wanted: Case): PayloadOf<Case>[] {
    return this.said.flatMap(({ payload }) =>
      payload?.$case === wanted ? [payload.value as PayloadOf<Case>] : [],
    );
  }
}

type Payload = NonNullable<ConnectResponse['payload']>;
type PayloadOf<Case extends Payload['$case']> = Extract<Payload, { $case: Case }>['value'];
