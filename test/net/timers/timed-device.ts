import { expect } from 'chai';
import { ApplyStatus, type DesiredState } from '../../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationEndCause,
  IsolationState,
  type ObservedIsolation,
} from '../../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../../shared/ids.js';
import { fromTimestamp, toDuration } from '../../../shared/time.js';
import { isolate, settings } from '../../fakes/isolation.js';
import type { SteeredAgent } from '../steered/steered-agent.js';
import type { SteeredServer } from '../steered/steered-server.js';
import type { CrossingWatch } from './crossing-watch.js';

/** How late a release may be. */
const TOLERANCE_MS = 1_000;

/** When something happened on a device, seen from outside: between the order and its answer (`performance.now`). */
export interface Between {
  readonly fromMs: number;
  readonly toMs: number;
}

/** One device of the timer test: its agent, what it is told, and when its packets cross. */
export class TimedDevice {
  private isolationId = newId();
  private enforced: Between = { fromMs: 0, toMs: 0 };

  constructor(
    readonly agent: SteeredAgent,
    private readonly server: SteeredServer,
    private readonly watch: CrossingWatch,
  ) {}

  /** Isolates the device and shows that all of its flows crossed before and none does since. */
  async isolate(delayMs: number): Promise<void> {
    this.expectAllCrossed();
    this.enforced = await this.change(delayMs);
  }

  /** The same by a detection on the device, with the delay of the policy; that of the task is an hour. */
  async isolateByDetection(delayMs: number): Promise<void> {
    this.expectAllCrossed();
    const source = 'scanner';
    await this.server.order(this.agent.deviceId, undefined, {
      automaticSettings: settings({ releaseDelay: toDuration(delayMs) }),
      manualSettings: settings(),
      trustedDetectors: [source],
    });
    const fromMs = performance.now();
    const said = await this.agent.run('report-detection', '--source', source, '--rule', 'r1');
    this.enforced = { fromMs, toMs: performance.now() };
    this.isolationId = /^isolated: (\S+)$/m.exec(said.stdout)?.[1] ?? `none: ${said.stderr}`;
  }

  /** Changes the release delay of the isolation that is in force. */
  async change(delayMs: number): Promise<Between> {
    const fromMs = performance.now();
    const manualSettings = settings({ releaseDelay: toDuration(delayMs) });
    const change: Partial<DesiredState> = { manualSettings };
    const { status, observed } = await this.server.order(
      this.agent.deviceId,
      isolate(this.isolationId),
      change,
    );
    expect(status).to.equal(ApplyStatus.APPLY_STATUS_APPLIED);
    expect(observed?.state).to.equal(IsolationState.ISOLATION_STATE_ISOLATED);
    expect(observed?.until === undefined, 'has no end').to.equal(delayMs === 0);
    return { fromMs, toMs: performance.now() };
  }

  /** How far the wall clock of the device is from that of this process, as its own announcement of the end says. */
  async wallIsOffByMs(delayMs: number): Promise<number> {
    const { until } = await this.server.ask(this.agent.deviceId);
    if (!until) throw new Error('the device says no end');
    const left = this.enforced.toMs + delayMs - performance.now();
    return fromTimestamp(until) - left - Date.now();
  }

  /** Waits until a time after the enforcement. */
  async until(afterMs: number): Promise<void> {
    const left = this.enforced.toMs + afterMs - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, left)));
  }

  /** Every flow comes through again within a second of the end of a delay that counts from enforcement, none before. */
  async expectReleasedAfter(delayMs: number): Promise<void> {
    const { fromMs, toMs } = this.enforced;
    await this.expectReleasedBetween({ fromMs: fromMs + delayMs, toMs: toMs + delayMs });
  }

  /** The same for a moment that was not set by a delay. */
  async expectReleasedBetween({ fromMs, toMs }: Between): Promise<void> {
    const wait = toMs + TOLERANCE_MS + 200 - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    for (const [flow, atMs] of this.watch.firstSince(this.agent.host, this.enforced.toMs)) {
      expect(atMs - fromMs, `${flow} is not early`).to.be.at.least(-100);
      expect(atMs - toMs, `${flow} is not late`).to.be.below(TOLERANCE_MS);
    }
  }

  private expectAllCrossed(): void {
    const first = Math.max(...this.watch.firstSince(this.agent.host, 0).values());
    expect(first, `control: ${this.agent.host.name} crosses before`).to.be.below(Infinity);
  }

  /** No flow has got a packet across since the enforcement. */
  expectNothingCrossed(): void {
    for (const [flow, atMs] of this.watch.firstSince(this.agent.host, this.enforced.toMs)) {
      expect(atMs, `${flow} stays blocked`).to.equal(Infinity);
    }
  }

  /** What the device told about the end, once it has. */
  ended(): Promise<ObservedIsolation> {
    return this.server.until(this.agent.deviceId, ({ payload }) => {
      if (payload.$case !== 'event' || payload.value.event?.$case !== 'isolationChanged') return undefined;
      const { observed } = payload.value.event.value;
      return observed?.state === IsolationState.ISOLATION_STATE_RELEASED ? observed : undefined;
    });
  }

  /** The end is told as that of the deadline, and nothing of ours is in the packet filter. */
  async expectEndedByDeadline(): Promise<void> {
    const observed = await this.ended();
    expect(observed.isolationId).to.equal(this.isolationId);
    expect(observed.endCause).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE);
    expect(await this.holdSet(), 'the table').to.equal(undefined);
  }

  /** The set that says for how long the table blocks, as nft lists it; undefined: there is no table. */
  async holdSet(): Promise<string | undefined> {
    const { code, stdout } = await this.agent.host.exec('nft', ['list', 'set', 'inet', 'cordon', 'hold']);
    return code === 0 ? stdout : undefined;
  }

  /** Time until the kernel lets go by itself, milliseconds; undefined: never. */
  async kernelHoldsForMs(): Promise<number | undefined> {
    const expires = /expires (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?/.exec(
      (await this.holdSet()) ?? '',
    );
    if (!expires) return undefined;
    const [hours = 0, minutes = 0, seconds = 0, ms = 0] = expires
      .slice(1)
      .map((digits) => Number(digits ?? 0));
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
  }
}
