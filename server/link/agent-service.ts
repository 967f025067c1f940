import {
  status,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { CordonError, toStatus } from '../../shared/errors.js';
import {
  AgentServiceService,
  ConnectRequest,
  ConnectResponse,
} from '../../shared/gen/cordon/v1/agent_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Logger } from '../../shared/log.js';
import { draining } from './refusals.js';
import { Session, type Admitted, type SessionDeps } from './session.js';
import { Malformed, type Received, type Transport } from './transport.js';

type Call = ServerDuplexStream<Received, ConnectResponse>;

/** A service as grpc-js wants it. */
export interface ServicePair {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/**
 * The edge of the agent streams. Bytes that are no message reach the session as such: grpc-js itself would answer them
 * with INTERNAL, as if the fault were the server's.
 */
const definition: ServiceDefinition = {
  connect: {
    ...AgentServiceService.connect,
    requestDeserialize: (bytes: Buffer): Received => {
      try {
        return ConnectRequest.decode(bytes);
      } catch (error) {
        return new Malformed(error instanceof Error ? error.message : String(error));
      }
    },
    responseSerialize: (message: ConnectResponse): Buffer => {
      // A view, not a copy: grpc-js copies once more behind its own header.
      const bytes = ConnectResponse.encode(message).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
  },
};

export interface AgentService extends ServicePair {
  /** Refuses new streams from now on. */
  refuseNew(): void;
}

export function agentService(deps: SessionDeps): AgentService {
  let open = true;
  return {
    definition,
    implementation: {
      connect: (call: Call) => {
        if (open) void serve(call, deps);
        else transportOf(call).end(toStatus(draining()));
      },
    },
    refuseNew: () => {
      open = false;
    },
  };
}

async function serve(call: Call, deps: SessionDeps): Promise<void> {
  const transport = transportOf(call);
  const log = deps.log.child({ peer: transport.peer });
  // Without a listener an error on the stream would end the process.
  call.on('error', () => undefined);
  let session: Session | undefined;
  try {
    session = new Session(deps, transport, await admit(call, deps));
    await receiveAll(call, session);
    session.closed();
    call.end();
  } catch (error) {
    refuse(error, transport, session, log);
  }
}

/**
 * One message at a time: the next is read when the one before is stored. Not `for await`: leaving that loop destroys the
 * stream before its status could be sent.
 */
function receiveAll(call: Call, session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    call.on('data', (message: Received) => {
      call.pause();
      session.receive(message).then(() => call.resume(), reject);
    });
    call.once('end', resolve);
    call.once('error', reject);
    call.once('cancelled', resolve);
  });
}

/** Identity before anything is read: the certificate must be one that this server has on record. */
async function admit(call: Call, deps: SessionDeps): Promise<Admitted> {
  const certificate = call.getAuthContext().sslPeerCertificate?.raw;
  if (!certificate) {
    throw new CordonError(
      status.UNAUTHENTICATED,
      ErrorReason.ERROR_REASON_CERTIFICATE_UNKNOWN,
      'no client certificate',
    );
  }
  const { identity, store, clock } = deps;
  const answer = await identity.authorizeCertificate(store.read, certificate, clock.wall());
  if (!answer.ok) throw new CordonError(status.PERMISSION_DENIED, answer.reason, answer.message);
  return answer;
}

function refuse(error: unknown, transport: Transport, session: Session | undefined, log: Logger): void {
  if (isGone(error)) {
    session?.closed();
    return;
  }
  const device = session?.deviceId;
  if (error instanceof CordonError) log.warn({ device, reason: error.message }, 'stream ended by the server');
  else log.error({ device, err: error }, 'stream ended by an internal error');
  transport.end(toStatus(error));
  session?.closed();
}

/** The other side went away, or the server ended the stream itself: nothing to say any more. */
function isGone(error: unknown): boolean {
  if (error instanceof CordonError || !(error instanceof Error) || !('code' in error)) return false;
  return typeof error.code === 'number';
}

function transportOf(call: Call): Transport {
  let ended = false;
  return {
    peer: call.getPeer(),
    send: (message, written) => (written ? call.write(message, () => written()) : call.write(message)),
    onWritable: (listener) => void call.on('drain', listener),
    end: (ending) => {
      if (ended) return;
      ended = true;
      call.emit('error', ending);
    },
  };
}
