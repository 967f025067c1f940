import type { Observable } from 'rxjs';
import type { ConnectRequest, ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';

/** One stream to the server, from whatever it is made of. */
export interface Transport {
  /**
   * What the server says, in order. Subscribed to once, at once. Completes when the server ends the stream in order,
   * fails with StreamError otherwise.
   */
  readonly messages: Observable<ConnectResponse>;
  /** Emits when there is room again after `send` returned false. */
  readonly drained: Observable<void>;
  /** Returns false when no more fits: the message is taken, the next one has to wait for `drained`. */
  send(message: ConnectRequest): boolean;
  /** Nothing more will be sent; the server ends the stream when it has read everything. */
  finish(): void;
  /** Ends the stream now. */
  abort(): void;
}

/** Why a stream ended, as the server or the network said. */
export class StreamError extends Error {
  override readonly name = 'StreamError';

  /**
   * @param refused the server does not want this device, for now or for good
   * @param reason stable reason of the server, for example `DEVICE_BANNED`; empty: none was given
   */
  constructor(
    message: string,
    readonly refused: boolean,
    readonly reason: string,
  ) {
    super(message);
  }
}
