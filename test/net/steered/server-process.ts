import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  AgentServiceService,
  ConnectRequest,
  ConnectResponse,
} from '../../../shared/gen/cordon/v1/agent_service.js';
import { toDuration } from '../../../shared/time.js';

/** Runs inside a namespace and passes on what its parent says to agents and what they answer. Ends with its parent. */

export interface Listen {
  readonly kind: 'listen';
  readonly port: number;
  readonly chainPem: string;
  readonly keyPem: string;
  readonly heartbeatMs: number | undefined;
}

export interface Say {
  readonly kind: 'say';
  readonly deviceId: string;
  /** A ConnectResponse without its number, base64. */
  readonly message: string;
}

export type ServerNews =
  | { readonly kind: 'listening' }
  /** A ConnectRequest, base64. */
  | { readonly kind: 'said'; readonly deviceId: string; readonly message: string };

type Stream = ServerDuplexStream<ConnectRequest, ConnectResponse>;
type Payload = NonNullable<ConnectResponse['payload']>;

const streams = new Map<string, (payload: Payload) => void>();
let heartbeatMs: number | undefined;
const tell = (news: ServerNews): void => void process.send?.(news);

/** Polite where it has to be, so that streams live: Welcome, acknowledged events, confirmed reports. */
function serve(stream: Stream): void {
  let seq = 0n;
  let deviceId = '';
  const say = (payload: Payload): void => void stream.write({ seq: ++seq, ack: 0n, payload });
  stream.on('data', (request: ConnectRequest) => {
    const { payload } = request;
    if (payload?.$case === 'hello') {
      ({ deviceId } = payload.value);
      streams.set(deviceId, say);
      const value = heartbeatMs === undefined ? {} : { heartbeatInterval: toDuration(heartbeatMs) };
      const welcome = ConnectResponse.fromPartial({ payload: { $case: 'welcome', value } }).payload;
      if (welcome) say(welcome);
    }
    if (payload?.$case === 'event') say({ $case: 'eventAck', value: { eventIds: [payload.value.id] } });
    if (payload?.$case === 'stateReport') {
      const { observedGeneration, observed } = payload.value;
      const isolationId = observed?.isolationId ?? '';
      say({ $case: 'stateConfirmation', value: { observedGeneration, isolationId } });
    }
    tell({
      kind: 'said',
      deviceId,
      message: Buffer.from(ConnectRequest.encode(request).finish()).toString('base64'),
    });
  });
  stream.on('error', () => undefined);
  stream.on('end', () => stream.end());
}

function listen({ port, chainPem, keyPem, heartbeatMs: asked }: Listen): void {
  heartbeatMs = asked;
  const server = new Server();
  server.addService(AgentServiceService, { connect: serve });
  const pair = { private_key: Buffer.from(keyPem), cert_chain: Buffer.from(chainPem) };
  server.bindAsync(`[::]:${port}`, ServerCredentials.createSsl(null, [pair]), (error) => {
    if (error) throw error;
    tell({ kind: 'listening' });
  });
}

process.on('message', (order: Listen | Say) => {
  if (order.kind === 'listen') return listen(order);
  const { payload } = ConnectResponse.decode(Buffer.from(order.message, 'base64'));
  if (payload) streams.get(order.deviceId)?.(payload);
});
process.on('disconnect', () => process.exit(0));
