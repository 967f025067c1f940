import {
  type MethodDefinition,
  type Server,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import { apiTokenWorks } from '../identity/api-tokens.js';
import type { Store } from '../store/store.js';
import { authenticate, tokenInvalid } from './authenticate.js';
import { authorize, isRole } from './authorize.js';
import type { Handlers } from './handlers.js';
import { mutate } from './mutate.js';
import type { Caller, Rpc, Watch } from './rpc.js';
import { unary } from './unary.js';
import { serverStream } from './watch.js';

/** How often an open watch looks whether its token still works. */
const RECHECK_MS = 30_000;

export interface PipelineDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when the server is about to stop: watches end then. */
  readonly stopping: AbortSignal;
}

/**
 * Serves the rpcs of one service behind the pipeline: authenticate, authorise, run, map errors.
 * @throws Error at once if an rpc of the service has no handler, a handler no rpc, or a handler no role
 */
export function registerService(
  server: Server,
  definition: ServiceDefinition,
  handlers: Handlers,
  deps: PipelineDeps,
): void {
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(definition)) {
    const rpc = handlers[name];
    if (!rpc) throw new Error(`${method.path} has no handler`);
    if (!isRole(rpc.role)) throw new Error(`${method.path} has no role: nobody could say who may call it`);
    if (method.requestStream || method.responseStream !== (rpc.kind === 'watch')) {
      throw new Error(`${method.path} cannot be served as a ${rpc.kind}`);
    }
    implementation[name] = serve(method, rpc, deps);
  }
  for (const name of Object.keys(handlers)) {
    if (!(name in definition)) throw new Error(`no rpc ${name} in the service of ${firstPath(definition)}`);
  }
  server.addService(definition, implementation);
}

function serve<Request, Response>(
  method: MethodDefinition<Request, Response>,
  rpc: Rpc<Request, Response>,
  deps: PipelineDeps,
): UntypedHandleCall {
  switch (rpc.kind) {
    case 'query':
      return unary<Request, Response>(deps, method.path, async (call) =>
        rpc.run(await admit(deps, rpc.role, call), call.request),
      ) as UntypedHandleCall;
    case 'mutation':
      return unary<Request, Response>(deps, method.path, async (call) => {
        const caller = await admit(deps, rpc.role, call);
        const now = (): number => deps.clock.wall();
        return mutate({ store: deps.store, now }, method, rpc, caller, call.request);
      }) as UntypedHandleCall;
    case 'watch':
      return serveWatch(method, rpc, deps);
  }
}

function serveWatch<Request, Response>(
  method: MethodDefinition<Request, Response>,
  rpc: Watch<Request, Response>,
  deps: PipelineDeps,
): UntypedHandleCall {
  return serverStream<Request, Response>(deps, method.path, async (call, signal, fail) => {
    const caller = await admit(deps, rpc.role, call);
    const revoked = (): void => fail(tokenInvalid('the API token was revoked or has expired'));
    recheck(deps, caller.tokenId, signal, revoked);
    return rpc.run(caller, call.request, signal);
  }) as UntypedHandleCall;
}

type Incoming = Parameters<typeof authenticate>[1];

async function admit(
  { store, clock }: PipelineDeps,
  role: Rpc<unknown, unknown>['role'],
  call: { readonly metadata: Incoming; getPeer(): string },
): Promise<Caller> {
  const caller = await authenticate(store.read, call.metadata, call.getPeer(), clock.wall());
  authorize(caller, role);
  return caller;
}

/** A watch may stay open for days: it ends soon after its token does. */
function recheck(
  { store, clock, log }: PipelineDeps,
  tokenId: string,
  signal: AbortSignal,
  revoked: () => void,
): void {
  let cancel: CancelTimer = () => undefined;
  const arm = (): void => {
    if (!signal.aborted) cancel = clock.after(RECHECK_MS, look);
  };
  const look = (): void => {
    apiTokenWorks(store.read, tokenId, clock.wall()).then(
      (works) => (works ? arm() : revoked()),
      (error: unknown) => {
        log.error({ err: error }, 'the token of a watch could not be checked; the watch ends');
        revoked();
      },
    );
  };
  signal.addEventListener('abort', () => cancel(), { once: true });
  arm();
}

function firstPath(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path ?? 'an empty service';
}
