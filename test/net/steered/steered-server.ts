import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  ConnectRequest,
  ConnectResponse,
  type DesiredState,
  type StateReport,
} from '../../../shared/gen/cordon/v1/agent_service.js';
import type { ObservedIsolation } from '../../../shared/gen/cordon/v1/isolation.js';
import { DeviceCa } from '../../fakes/device-certificates.js';
import { desired } from '../../fakes/isolation.js';
import { makeTestIdentity } from '../../fakes/test-ca.js';
import type { Host } from '../site/index.js';
import type { Say, ServerNews } from './server-process.js';

const PROGRAM = fileURLToPath(new URL('./server-process.js', import.meta.url));
/** Agents connect here. */
export const AGENT_PORT = 7443;

type Said = NonNullable<ConnectRequest['payload']>;

/** What a device said and when it came in, milliseconds of this process (`performance.now`). */
export interface Heard {
  readonly payload: Said;
  readonly atMs: number;
}

/**
 * The server's end of real streams, in a process on a host: it says to each agent exactly what a test tells it. For
 * settings that change while a device is isolated, at the moment that a test wants.
 */
export class SteeredServer {
  private readonly heard = new Map<string, Heard[]>();
  private readonly generations = new Map<string, bigint>();
  private readonly waiting = new Set<() => void>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly deviceCa: DeviceCa,
    /** CA certificate that agents verify this server with. */
    readonly caPem: string,
  ) {
    child.on('message', (news: ServerNews) => this.note(news));
  }

  /** @param heartbeatMs time between two heartbeats that it asks for; absent: it leaves that to the agents */
  static async start(host: Host, heartbeatMs?: number): Promise<SteeredServer> {
    const child = host.spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const { caPem, chainPem, keyPem } = await makeTestIdentity();
    const server = new SteeredServer(child, await DeviceCa.make(), caPem);
    child.send({ kind: 'listen', port: AGENT_PORT, chainPem, keyPem, heartbeatMs });
    await once(child, 'message');
    return server;
  }

  /** A certificate that is valid for a day before and for 80 days after now. */
  issue(csr: Buffer): Promise<Buffer> {
    const dayMs = 86_400_000;
    return this.deviceCa.issue(csr, Date.now() - dayMs, Date.now() + 80 * dayMs);
  }

  /** Everything that a device said, oldest first. */
  saidBy(deviceId: string): readonly Heard[] {
    return this.heard.get(deviceId) ?? [];
  }

  /** Tells a device what to enforce, as the next generation, and waits for its answer. */
  async order(
    deviceId: string,
    directive: DesiredState['directive'],
    change: Partial<DesiredState> = {},
  ): Promise<StateReport> {
    const generation = (this.generations.get(deviceId) ?? 0n) + 1n;
    this.generations.set(deviceId, generation);
    const state = desired(generation, directive, change);
    this.say(deviceId, { $case: 'desiredState', value: state });
    const answer = await this.until(deviceId, ({ payload }) =>
      payload.$case === 'stateReport' && payload.value.nonce === state.nonce ? payload.value : undefined,
    );
    if (answer.violations.length > 0) throw new Error(`refused: ${JSON.stringify(answer.violations)}`);
    return answer;
  }

  /** Asks a device what it observes now. */
  async ask(deviceId: string): Promise<ObservedIsolation> {
    const before = this.saidBy(deviceId).length;
    this.say(deviceId, { $case: 'reportFullState', value: {} });
    const after = (heard: Heard): boolean => this.saidBy(deviceId).indexOf(heard) >= before;
    return this.until(deviceId, (heard) =>
      heard.payload.$case === 'stateReport' && after(heard) ? heard.payload.value.observed : undefined,
    );
  }

  /** Waits until a device is connected, for the `count`th time. */
  connected(deviceId: string, count = 1): Promise<void> {
    let seen = 0;
    return this.until(deviceId, ({ payload }) => {
      if (payload.$case === 'hello') seen += 1;
      return seen >= count ? true : undefined;
    }).then(() => undefined);
  }

  /** What a device observed, in the order in which it told: in reports and in events. */
  observations(deviceId: string): readonly { readonly observed: ObservedIsolation; readonly atMs: number }[] {
    return this.saidBy(deviceId).flatMap(({ payload, atMs }) => {
      const observed = observedIn(payload);
      return observed ? [{ observed, atMs }] : [];
    });
  }

  /** Waits until something that a device has said or says gives an answer. @throws Error after 20 s */
  until<Answer>(
    deviceId: string,
    find: (heard: Heard) => Answer | undefined,
    limitMs = 20_000,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let next = 0;
      const look = (): void => {
        const all = this.saidBy(deviceId);
        while (next < all.length) {
          const answer = find(all[next++] as Heard);
          if (answer === undefined) continue;
          clearTimeout(timer);
          this.waiting.delete(look);
          return resolve(answer);
        }
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        const said = this.saidBy(deviceId).map(({ payload }) => payload.$case);
        reject(
          new Error(
            `device ${deviceId} did not say it within ${limitMs / 1000} s; it said ${said.join(', ')}`,
          ),
        );
      }, limitMs);
      this.waiting.add(look);
      look();
    });
  }

  /** Says something to a device. */
  say(deviceId: string, payload: NonNullable<ConnectResponse['payload']>): void {
    const encoded = ConnectResponse.encode({ seq: 0n, ack: 0n, payload }).finish();
    this.child.send({
      kind: 'say',
      deviceId,
      message: Buffer.from(encoded).toString('base64'),
    } satisfies Say);
  }

  private note(news: ServerNews): void {
    if (news.kind !== 'said') return;
    const { payload } = ConnectRequest.decode(Buffer.from(news.message, 'base64'));
    if (!payload) return;
    const heard = this.heard.get(news.deviceId) ?? [];
    this.heard.set(news.deviceId, heard);
    heard.push({ payload, atMs: performance.now() });
    for (const look of [...this.waiting]) look();
  }
}

function observedIn(payload: Said): ObservedIsolation | undefined {
  if (payload.$case === 'stateReport' || payload.$case === 'hello') return payload.value.observed;
  if (payload.$case !== 'event') return undefined;
  const { event } = payload.value;
  return event?.$case === 'isolationChanged' ? event.value.observed : undefined;
}
