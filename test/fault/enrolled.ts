import { Client, credentials, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import {
  AgentServiceService,
  ConnectRequest,
  type ConnectResponse,
} from '../../shared/gen/cordon/v1/agent_service.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
} from '../../shared/gen/cordon/v1/device_service.js';
import { EnrollmentServiceService } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { newId } from '../../shared/ids.js';
import { toPem } from '../../shared/tls/pem.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';
import { makeCsr, newPrivateKey } from '../../agent/identity/keys.js';
import type { Credentials } from '../../bench/fleet/credentials.js';
import { helloOf } from '../story/server-link-site.js';
import type { ManagementClient } from './real-server.js';

/** Enrols devices the way agents do: own key, CSR, token. */
export async function enrolMany(client: ManagementClient, count: number): Promise<Credentials[]> {
  const { secret } = await client.call(
    DeviceServiceService.createEnrollmentToken,
    CreateEnrollmentTokenRequest.fromPartial({ maxUses: count }),
  );
  const enrolled: Credentials[] = [];
  for (let index = 0; index < count; index++) {
    const id = newId();
    const key = newPrivateKey();
    const csr = await makeCsr(id, key);
    const hostname = `host-${index}`;
    const { certificate } = await client.call(EnrollmentServiceService.enroll, {
      token: secret,
      csr,
      hostname,
    });
    enrolled.push({ id, key: toPem('PRIVATE KEY', key), certificate: toPem('CERTIFICATE', certificate) });
  }
  return enrolled;
}

/** A stream that says exactly what a test wants, also what no agent would say. */
export class RawStream {
  private readonly client: Client;
  private readonly call: ClientDuplexStream<Buffer, ConnectResponse>;
  readonly said: ConnectResponse[] = [];
  /** How it ended. */
  readonly ended: Promise<StatusObject>;
  private seq = 0n;

  /** @param server its agent port and the PEM of its CA; @param identity undefined: no client certificate */
  constructor(
    server: { readonly agentPort: number; readonly ca: string },
    identity: Pick<Credentials, 'key' | 'certificate'> | undefined,
  ) {
    const tls = credentials.createSsl(
      Buffer.from(server.ca),
      identity ? Buffer.from(identity.key) : null,
      identity ? Buffer.from(identity.certificate) : null,
    );
    this.client = new Client(`127.0.0.1:${server.agentPort}`, tls, {
      'grpc.ssl_target_name_override': SERVER_TLS_NAME,
      'grpc.default_authority': SERVER_TLS_NAME,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
    const { path, responseDeserialize } = AgentServiceService.connect;
    this.call = this.client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize);
    this.call.on('data', (message: ConnectResponse) => this.said.push(message));
    this.call.on('error', () => undefined);
    this.ended = new Promise((resolve) => this.call.on('status', resolve));
  }

  /** Bytes as they are. */
  sendRaw(bytes: Buffer): void {
    this.call.write(bytes);
  }

  /** A message with the next sequence number. */
  send(payload: ConnectRequest['payload']): void {
    this.seq += 1n;
    this.sendRaw(Buffer.from(ConnectRequest.encode({ seq: this.seq, ack: 0n, payload }).finish()));
  }

  hello(deviceId: string): void {
    this.send(helloOf(deviceId));
  }

  /** Resolves when the server has said something of this case. */
  async heard(wanted: NonNullable<ConnectResponse['payload']>['$case'], withinMs = 5_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!this.said.some(({ payload }) => payload?.$case === wanted)) {
      if (performance.now() > deadline) throw new Error(`the server did not say ${wanted}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.call.cancel();
    this.client.close();
  }
}
