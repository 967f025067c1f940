import type { status, StatusObject } from '@grpc/grpc-js';
import type { ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';

/** Why a stream ended, from the server's side. */
export type Ending = Pick<StatusObject, 'code' | 'details'> & Partial<StatusObject>;

/** One open stream towards an agent, without what carries it: gRPC in life, memory in tests. */
export interface Transport {
  /** Address of the other side, for the log. */
  readonly peer: string;
  /** Hands one message over. False: the other side does not keep up; wait for `onWritable`. */
  send(message: ConnectResponse): boolean;
  /** Called each time that `send` may be used again after it returned false. */
  onWritable(listener: () => void): void;
  /** Ends the stream with a status. Harmless when it has ended. */
  end(ending: Ending): void;
}

/** A message from an agent as it came off the wire; bytes that are no message of the contract are kept as such. */
export type Malformed = { readonly malformed: string };

export type StatusCode = status;
