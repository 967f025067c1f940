import type { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { Tx } from '../store/store.js';

/** Who calls: the API token behind the bearer header. */
export interface Caller {
  readonly operatorName: string;
  /** Id of the API token. */
  readonly tokenId: string;
  readonly role: Role;
  /** Address of the client, for the log. */
  readonly peer: string;
}

/** A call that changes nothing. */
export interface Query<Request, Response> {
  readonly kind: 'query';
  /** Lowest role that may call it. */
  readonly role: Role;
  run(caller: Caller, request: Request): Promise<Response>;
}

/**
 * A call that changes something: `run` happens in one transaction, together with its audit record and the stored answer
 * for a repeat of the same request_id. A repeat is answered without `run` and without `committed`.
 */
export interface Mutation<Request, Response, Prepared = void> {
  readonly kind: 'mutation';
  readonly role: Role;
  /**
   * The answer holds a secret that is shown once: it is not stored, and a repeat of the request_id is refused. Absent: the
   * answer is stored.
   */
  readonly answersSecret?: true;
  /**
   * Before the transaction: what needs the world outside the store, with a deadline of its own, and what takes long. Not
   * called for a repeat, whose answer must not depend on how the world has changed. `run` gets what it returns.
   */
  prepare?(caller: Caller, request: Request): Promise<Prepared>;
  /** A request with `validate_only` is rolled back after this and leaves nothing. */
  run(tx: Tx, caller: Caller, request: Request, prepared: Prepared): Promise<Response>;
  /** After the commit: poke streams and feeds. Losing it costs time, never truth. */
  committed?(request: Request, response: Response): void;
}

/** A call that answers with a stream, until `signal` or the end of the iterable. */
export interface Watch<Request, Response> {
  readonly kind: 'watch';
  readonly role: Role;
  run(caller: Caller, request: Request, signal: AbortSignal): AsyncIterable<Response>;
}

export type Rpc<Request, Response> =
  Query<Request, Response> | Mutation<Request, Response, unknown> | Watch<Request, Response>;
