import type { StatusObject } from '@grpc/grpc-js';
import type { ConnectRequest, ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';

/** One open stream towards an agent, without what carries it: gRPC in life, memory in tests. */
export interface Transport {
  /** Address of the other side, for the log. */
  readonly peer: string;
  /**
   * Hands one message over. False: the other side does not keep up; wait for `onWritable`.
   * @param written called when the message has been handed to the network; never, if the stream ends before that
   */
  send(message: ConnectResponse, written?: () => void): boolean;
  /** Called each time that `send` may be used again after it returned false. */
  onWritable(listener: () => void): void;
  /** Ends the stream with a status. Harmless when it has ended. */
  end(status: Partial<StatusObject>): void;
}

/** What came off the wire: a message of the contract, or bytes that are none. */
export type Received = ConnectRequest | Malformed;

export class Malformed {
  constructor(
    /** What the decoder said. */
    readonly detail: string,
  ) {}
}
