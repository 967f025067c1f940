import { fork, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationDirective } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolateDevicesRequest,
  IsolationServiceService,
  ReleaseDevicesRequest,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { newId } from '../../shared/ids.js';
import { buildDesiredState } from '../../server/desired/desired-state.js';
import { defaultDeviceSettings } from '../../server/desired/settings.js';
import { enrolMany } from '../../test/fault/enrolled.js';
import { RealServer, type ManagementClient } from '../../test/fault/real-server.js';
import type { Figure } from '../report.js';
import { inMs, nowMs, summarize } from '../statistics.js';
import type { Credentials } from './credentials.js';
import type { BareOrder, BareReady, FleetOrder, FleetReport, FleetStart } from './messages.js';

const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

export interface BroadcastRequest {
  readonly agents: number;
  readonly rounds: number;
}

/**
 * One API call that isolates (or releases) every device, until the last durable confirmation reached its agent; against
 * a bare grpc-js server that sends as many bytes to as many mTLS streams, until it has the last echo.
 */
export async function measureBroadcast({ agents, rounds }: BroadcastRequest): Promise<Figure> {
  const server = await RealServer.open();
  const client = server.connect();
  const children: ChildProcess[] = [];
  try {
    const credentials = await enrolMany(client, agents);
    const credentialsFile = join(server.folder, 'bench-credentials.json');
    writeFileSync(credentialsFile, JSON.stringify(credentials), { mode: 0o600 });

    const bare = fork(program('bare-server'), [
      join(server.folder, 'ca.crt'),
      join(server.folder, 'server.crt'),
      join(server.folder, 'server.key'),
    ]);
    children.push(bare);
    const { port } = await message<BareReady>(bare);
    const start = async (mode: FleetStart['mode'], target: string): Promise<ChildProcess> => {
      const fleet = fork(program('client'));
      children.push(fleet);
      fleet.send({
        kind: 'start',
        mode,
        target,
        ca: server.ca,
        credentialsFile,
        count: agents,
      } satisfies FleetStart);
      await message<FleetReport>(fleet);
      return fleet;
    };
    await start('bare', `127.0.0.1:${port}`);
    const fleet = await start('cordon', `127.0.0.1:${server.agentPort}`);

    const bytes = desiredStateBytes();
    const ours: number[] = [];
    const peer: number[] = [];
    // The first round of each warms up and is not counted.
    for (let round = -1; round < rounds; round++) {
      const bareMs = await bareRound(bare, bytes);
      const cordonMs = await cordonRound(client, fleet, credentials, round);
      if (round === -1) continue;
      peer.push(bareMs);
      ours.push(cordonMs);
    }
    const summary = { ours: summarize(ours), peer: summarize(peer) };
    return {
      name: `One desired state to ${agents} agents over mTLS until all acknowledged, ${bytes} bytes each, ${rounds} rounds`,
      ours: inMs(summary.ours),
      peerName: 'grpc-js echo',
      peer: inMs(summary.peer),
      ratio: summary.ours.median / summary.peer.median,
    };
  } finally {
    for (const child of children) child.kill();
    client.close();
    await server.close();
  }
}

async function bareRound(bare: ChildProcess, bytes: number): Promise<number> {
  const all = message<FleetReport>(bare);
  const startedAt = nowMs();
  bare.send({ kind: 'broadcast', bytes } satisfies BareOrder);
  return (await all).at - startedAt;
}

async function cordonRound(
  client: ManagementClient,
  fleet: ChildProcess,
  credentials: readonly Credentials[],
  round: number,
): Promise<number> {
  const devices = credentials.map(({ id }) => id);
  // Generation 1 is the enrolment's; each round is one more.
  fleet.send({ kind: 'await', generation: String(round + 3) } satisfies FleetOrder);
  const all = message<FleetReport>(fleet);
  const startedAt = nowMs();
  const request = { devices, reason: 'bench', requestId: newId() };
  if (round % 2 === 0) {
    await client.call(
      IsolationServiceService.releaseDevices,
      ReleaseDevicesRequest.fromPartial(request),
      60_000,
    );
  } else {
    await client.call(
      IsolationServiceService.isolateDevices,
      IsolateDevicesRequest.fromPartial(request),
      60_000,
    );
  }
  return (await all).at - startedAt;
}

/** Size of the state that the server sends in these rounds. */
function desiredStateBytes(): number {
  const directive = IsolationDirective.fromPartial({ id: newId(), reason: 'bench', requestedBy: 'admin' });
  const row = { generation: 2, directive_proto: IsolationDirective.encode(directive).finish() };
  return DesiredState.encode(buildDesiredState(row, defaultDeviceSettings)).finish().length;
}

/** Next message of a child. @throws Error when it ends instead */
function message<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('a process of the benchmark ended early'));
    child.once('exit', onExit);
    child.once('message', (received) => {
      child.off('exit', onExit);
      resolve(received as Message);
    });
  });
}
