import {
  Client,
  credentials,
  Metadata,
  status,
  type ChannelOptions,
  type ClientReadableStream,
} from '@grpc/grpc-js';
import { Observable } from 'rxjs';
import { sleep, type Clock } from '../shared/clock.js';
import { isServiceError } from '../shared/errors.js';
import { SERVER_TLS_NAME } from '../shared/tls/server-name.js';
import { grpcTarget } from './session/server-address.js';
import type { ConnectionSettings } from './session/settings.js';

/** A method of a generated service definition. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** The management API as the commands see it. */
export interface Api {
  /** One question, one answer. @throws ServiceError */
  unary<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response>;
  /** One question, many answers; ends with the subscription. Errors are ServiceErrors. */
  stream<Request, Response>(method: Method<Request, Response>, request: Request): Observable<Response>;
  /**
   * One question, many answers, each taken before the next one is read: what the other side has ready does not pile up
   * here. Resolves when the server ends the stream, or `signal` is aborted. @throws ServiceError, and what `take` throws
   */
  each<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    take: (response: Response) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  close(): void;
}

/** Longest time that one call may take, its retry included. */
const CALL_DEADLINE_MS = 30_000;

/** Longest wait before the one retry; the wait is random so that scripts on many computers do not come back at once. */
const RETRY_WITHIN_MS = 500;

const channelOptions: ChannelOptions = {
  // Every certificate of a Cordon server has this name: the pinned CA is what is trusted, not the address.
  'grpc.ssl_target_name_override': SERVER_TLS_NAME,
  'grpc.default_authority': SERVER_TLS_NAME,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 15_000,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
};

export interface ClientDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Deadline of a unary call, milliseconds. Default 30 s. */
  readonly deadlineMs?: number;
}

/** Connects when it is first used. */
export function connectApi(settings: ConnectionSettings, deps: ClientDeps): Api {
  const tls = credentials.createSsl(Buffer.from(settings.caPem));
  const client = new Client(grpcTarget(settings.address), tls, channelOptions);
  const metadata = (): Metadata => {
    const headers = new Metadata();
    headers.set('authorization', `Bearer ${settings.token}`);
    return headers;
  };

  const attempt = <Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    deadline: number,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata(),
        { deadline },
        (error, response) => {
          if (error) reject(error);
          else if (response === undefined) reject(new Error(`${method.path}: no answer`));
          else resolve(response);
        },
      );
    });

  const openStream = <Request, Response>(
    method: Method<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> =>
    client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata(),
    );

  return {
    async unary(method, request) {
      const deadline = deps.clock.wall() + (deps.deadlineMs ?? CALL_DEADLINE_MS);
      try {
        return await attempt(method, request, deadline);
      } catch (error) {
        // Safe to repeat: every mutation carries a request_id, and the request is the same one.
        if (!isServiceError(error) || error.code !== status.UNAVAILABLE) throw error;
        await sleep(deps.clock, deps.random() * RETRY_WITHIN_MS);
        return attempt(method, request, deadline);
      }
    },
    stream<Request, Response>(method: Method<Request, Response>, request: Request): Observable<Response> {
      return new Observable<Response>((subscriber) => {
        const call = openStream(method, request);
        call.on('data', (response: Response) => subscriber.next(response));
        call.on('error', (error) => subscriber.error(error));
        call.on('end', () => subscriber.complete());
        return () => call.cancel();
      });
    },
    async each<Request, Response>(
      method: Method<Request, Response>,
      request: Request,
      take: (response: Response) => Promise<void>,
      signal: AbortSignal,
    ): Promise<void> {
      if (signal.aborted) return;
      const call = openStream(method, request);
      // What comes after the end is of no interest, and an error that nobody hears would end the process.
      call.on('error', () => {});
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel);
      try {
        for await (const response of call as AsyncIterable<Response>) await take(response);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener('abort', cancel);
        cancel();
      }
    },
    close: () => client.close(),
  };
}
