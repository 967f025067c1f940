import type { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Client, credentials as grpc, type ChannelOptions } from '@grpc/grpc-js';
import type { ConnectRequest, ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';
import { AgentServiceService, ApplyStatus } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationAction, IsolationState, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';
import { nowMs } from '../statistics.js';
import { BARE_METHOD, type FleetOrder, type FleetReport, type FleetStart } from './messages.js';
import type { Credentials } from './credentials.js';

/**
 * Process that plays a fleet: many mTLS streams that answer at once what they are sent. It does the same work for Cordon
 * and for the bare peer, so that the ratio is about the servers.
 */

const OPENING_AT_ONCE = 50;

const OPTIONS: ChannelOptions = {
  'grpc.ssl_target_name_override': SERVER_TLS_NAME,
  'grpc.default_authority': SERVER_TLS_NAME,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
};

let awaited = -1n;
let answered = 0;
let total = 0;

process.on('message', (message: FleetStart | FleetOrder) => {
  if (message.kind === 'start') void start(message);
  else {
    awaited = BigInt(message.generation);
    answered = 0;
  }
});

function tell(report: FleetReport): void {
  process.send?.(report);
}

/** One stream has what was awaited. */
function count(): void {
  if (++answered === total) tell({ kind: 'all', at: nowMs() });
}

async function start({ mode, target, ca, credentialsFile, count: streams }: FleetStart): Promise<void> {
  const fleet = (JSON.parse(readFileSync(credentialsFile, 'utf8')) as Credentials[]).slice(0, streams);
  total = fleet.length;
  const waiting = [...fleet];
  const open = mode === 'cordon' ? openCordon : openBare;
  await Promise.all(
    Array.from({ length: OPENING_AT_ONCE }, async () => {
      for (let device = waiting.pop(); device; device = waiting.pop()) await open(target, ca, device);
    }),
  );
  tell({ kind: 'open', at: nowMs() });
}

function clientOf(target: string, ca: string, device: Credentials): Client {
  const tls = grpc.createSsl(Buffer.from(ca), Buffer.from(device.key), Buffer.from(device.certificate));
  return new Client(target, tls, OPTIONS);
}

function failOnError(call: EventEmitter): void {
  call.on('error', (error: Error) => {
    console.error(`a stream of the benchmark ended: ${error.message}`);
    process.exit(1);
  });
}

/** Resolves when the server has said Welcome and has taken the answer to its first desired state. */
function openCordon(target: string, ca: string, device: Credentials): Promise<void> {
  return new Promise((resolve) => {
    const { path, requestSerialize, responseDeserialize } = AgentServiceService.connect;
    const call = clientOf(target, ca, device).makeBidiStreamRequest<ConnectRequest, ConnectResponse>(
      path,
      requestSerialize,
      responseDeserialize,
    );
    failOnError(call);
    let seq = 0n;
    const say = (payload: NonNullable<ConnectRequest['payload']>): void => {
      call.write({ seq: ++seq, ack: 0n, payload });
    };
    call.on('data', ({ payload }: ConnectResponse) => {
      if (payload?.$case === 'desiredState') {
        const { nonce, generation, contentHash, directive } = payload.value;
        const isolated = directive?.action === IsolationAction.ISOLATION_ACTION_ISOLATE;
        say({
          $case: 'stateReport',
          value: {
            nonce,
            observedGeneration: generation,
            appliedHash: contentHash,
            status: ApplyStatus.APPLY_STATUS_APPLIED,
            observed: ObservedIsolation.fromPartial({
              state: isolated
                ? IsolationState.ISOLATION_STATE_ISOLATED
                : IsolationState.ISOLATION_STATE_RELEASED,
              isolationId: directive?.id ?? '',
            }),
            violations: [],
          },
        });
      } else if (payload?.$case === 'stateConfirmation') {
        resolve();
        if (payload.value.observedGeneration === awaited) count();
      }
    });
    say({
      $case: 'hello',
      value: {
        deviceId: device.id,
        bootId: device.id,
        agentVersion: 'bench',
        protocolMin: 1,
        protocolMax: 1,
        capabilities: [],
        facts: undefined,
        knownGeneration: 0n,
        knownHash: Buffer.alloc(0),
        openCommandIds: [],
        observed: ObservedIsolation.fromPartial({ state: IsolationState.ISOLATION_STATE_RELEASED }),
        sessionNonce: Buffer.alloc(0),
      },
    });
  });
}

/** The bare peer counts its echoes itself. */
function openBare(target: string, ca: string, device: Credentials): Promise<void> {
  return new Promise((resolve) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const call = clientOf(target, ca, device).makeBidiStreamRequest<Buffer, Buffer>(BARE_METHOD, same, same);
    failOnError(call);
    const echo = Buffer.alloc(ECHO_BYTES);
    call.on('data', () => call.write(echo));
    call.on('metadata', () => resolve());
    call.write(echo);
  });
}

/** Size of a state report of this benchmark, as the other mode sends it. */
const ECHO_BYTES = 130;
