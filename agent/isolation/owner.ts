import { Subject, type Observable } from 'rxjs';
import type { Clock } from '../../shared/clock.js';
import type { Violation } from '../../shared/errors.js';
import { ApplyStatus, type AgentEvent, type DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  EnforcerKind,
  IsolationMode,
  IsolationState,
  type ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import type { Logger } from '../../shared/log.js';
import { toTimestamp } from '../../shared/time.js';
import type { Inspection } from '../enforce/enforcer.js';
import type { Endpoint } from '../enforce/plan.js';
import { Serial } from '../serial.js';
import { Caretaker, type Occasion } from './caretaker.js';
import { decide, releaseDelayOf, type Wanted } from './decide.js';
import { remainingMs, type Moment } from './deadline.js';
import { enforce, proveAgain, type EnforcementParts } from './enforcement.js';
import { withDone } from './done.js';
import { latencyMs } from './latency.js';
import { next, type Effect, type Input } from './machine.js';
import { hostNames, resolveHosts, type Lookup } from './names.js';
import { toEnded, toObserved } from './observed.js';
import { differenceOf } from './rules-difference.js';
import { isActive, type Pins } from './state.js';
import type { Durable, IsolationStore } from './store.js';
import { validateDesiredState } from './validate.js';

/** The kernel lets go by itself about now: a difference in the rules is no tampering. */
const NEAR_DEADLINE_MS = 2_000;
/** How far the kernel's deadline may be from ours before it is set again: as far as a release may be late. */
const DEADLINE_DRIFT_MS = 1_000;

export interface OwnerParts extends Omit<EnforcementParts, 'now'> {
  readonly clock: Clock;
  readonly bootId: string;
  readonly log: Logger;
  readonly store: IsolationStore;
  readonly lookup: Lookup;
  /** Addresses of the server that are pinned now. */
  readonly servers: () => readonly Endpoint[];
  /** Keeps an event until the server has it. */
  readonly tell: (event: NonNullable<AgentEvent['event']>) => void;
}

/** How a desired state was taken. */
export interface Answer {
  readonly status: ApplyStatus;
  readonly violations: readonly Violation[];
}

/** A match on this device that asks for isolation. */
export interface Detection {
  readonly reason: string;
  /** Name of the detector. */
  readonly source: string;
}

/**
 * The only one that touches the packet filter and the state file: everything that happens is fed through the state
 * machine one at a time, the new state is on disk before its effects are carried out.
 */
export class IsolationOwner {
  private readonly serial = new Serial();
  private readonly changed = new Subject<void>();
  private readonly now: () => Moment;
  private durable: Durable;
  private saved: Durable;
  private applied: DesiredState | undefined;
  /** Why the state is not on disk; empty: it is. */
  private saveProblem = '';
  private orderedAt: Moment | undefined;
  private answering = false;
  private readonly caretaker: Caretaker;

  /** @throws StateFileError where the state file is damaged; the packet filter is left as it is */
  constructor(private readonly parts: OwnerParts) {
    const { clock, bootId } = parts;
    this.now = () => ({ bootId, sinceBootMs: clock.sinceBoot(), wallMs: clock.wall() });
    this.durable = this.saved = parts.store.load();
    this.applied = this.durable.desired;
    this.caretaker = new Caretaker({
      ...parts,
      now: this.now,
      watch: () => parts.enforcer.watch(),
      look: (occasion, begun) =>
        this.serial.run(() => {
          begun();
          return this.look(occasion);
        }),
    });
  }

  /** Emits when the state changed without having been asked to by a desired state. */
  get changes(): Observable<void> {
    return this.changed;
  }

  /** Brings file, packet filter and deadlines in line after a start. */
  async start(): Promise<void> {
    await this.serial.run(async () => {
      await this.feed({ kind: 'started' });
      if (this.durable.state.kind === 'RELEASED' && (await this.holdsRules())) {
        this.parts.log.warn(
          'the device is released, but rules of ours are in the packet filter: removing them',
        );
        await this.feed({ kind: 'leftover' });
      }
      await this.feed({ kind: 'server-lost' });
    });
  }

  /** Ends timers and watchers. What is enforced stays enforced. */
  async stop(): Promise<void> {
    this.caretaker.stop();
    await this.serial.idle();
    this.changed.complete();
  }

  /** Takes a desired state: refuses it as a whole, or has carried it out when this resolves. */
  handle(desired: DesiredState, receivedAt: Moment): Promise<Answer> {
    return this.serial.run(async () => {
      const violations = validateDesiredState(desired, this.durable.desired?.generation ?? 0n);
      if (violations.length > 0) return { status: ApplyStatus.APPLY_STATUS_REJECTED, violations };
      this.answering = true;
      try {
        await this.carryOut(desired, receivedAt);
      } finally {
        this.answering = false;
      }
      this.applied = this.durable.desired;
      const { state, degradedReason } = this.observed();
      const whole =
        degradedReason === '' &&
        (state === IsolationState.ISOLATION_STATE_ISOLATED ||
          state === IsolationState.ISOLATION_STATE_RELEASED);
      const status = whole ? ApplyStatus.APPLY_STATUS_APPLIED : ApplyStatus.APPLY_STATUS_DEGRADED;
      return { status, violations: [] };
    });
  }

  /** A detection asks for isolation. Returns the isolation that it started; empty: none (DESIGN 3.7). */
  isolateAutomatically({ reason, source }: Detection): Promise<string> {
    const receivedAt = this.now();
    return this.serial.run(async () => {
      const settings = this.durable.desired?.automaticSettings;
      if (!settings || isActive(this.durable.state)) return '';
      const mode = IsolationMode.ISOLATION_MODE_AUTOMATIC;
      const id = newId();
      const releaseDelayMs = releaseDelayOf(settings);
      await this.isolate({ id, mode, reason, requestedBy: source, settings, releaseDelayMs }, receivedAt);
      return id;
    });
  }

  /** The server has stored the report about an isolation. */
  confirm(isolationId: string): Promise<void> {
    return this.serial.run(() => this.feed({ kind: 'confirmed', isolationId }));
  }

  /** The stream to the server stands, or has ended. */
  serverSeen(there: boolean): Promise<void> {
    return this.serial.run(() => this.feed({ kind: there ? 'server-found' : 'server-lost' }));
  }

  /** Makes every check again and returns what is observed then. */
  selfTest(): Promise<ObservedIsolation> {
    return this.serial.run(async () => {
      await this.checkRules();
      const { state } = this.durable;
      if (state.kind === 'ISOLATED') {
        const parts = { ...this.parts, now: this.now };
        await this.feed({ kind: 'proved', ...(await proveAgain(state.isolation, state.proof, parts)) });
      }
      return this.observed();
    });
  }

  /** What is observed now. */
  observed(): ObservedIsolation {
    const observed = toObserved(this.durable.state, this.parts.enforcer.kind, this.now());
    if (this.saveProblem === '') return observed;
    const degradedReason = [observed.degradedReason, this.saveProblem]
      .filter((text) => text !== '')
      .join('; ');
    const state = isActive(this.durable.state) ? IsolationState.ISOLATION_STATE_DEGRADED : observed.state;
    return { ...observed, state, degradedReason };
  }

  /** The desired state that has been carried out. */
  get appliedState(): DesiredState | undefined {
    return this.applied;
  }

  /** Text for the people at this computer, of the settings in force; empty: none is set, or nothing is in force. */
  get notificationText(): string {
    const { state } = this.durable;
    return isActive(state) ? state.isolation.settings.notificationText : '';
  }

  get isolated(): boolean {
    return this.durable.state.kind !== 'RELEASED';
  }

  private async carryOut(desired: DesiredState, receivedAt: Moment): Promise<void> {
    const { state, done } = this.durable;
    const decision = decide(state, desired, done);
    switch (decision.kind) {
      case 'nothing':
        this.durable = { ...this.durable, desired };
        this.save();
        return;
      case 'release':
        this.durable = {
          ...this.durable,
          desired,
          done: withDone(done, desired.directive?.id, desired.directive?.id),
        };
        return this.feed({ kind: 'released', cause: decision.cause });
      case 'isolate':
        return this.isolate(decision.wanted, receivedAt, desired);
    }
  }

  private async isolate(wanted: Wanted, receivedAt: Moment, desired = this.durable.desired): Promise<void> {
    const order = { ...wanted, pins: await this.pin(wanted) };
    this.durable = { ...this.durable, desired };
    this.orderedAt = receivedAt;
    await this.feed({ kind: 'ordered', order });
    this.orderedAt = undefined;
  }

  /** Everything that must stay reachable, resolved while the network is still open. */
  private async pin({ settings }: Pick<Wanted, 'settings'>): Promise<Pins> {
    const { clock, lookup, servers } = this.parts;
    const { state } = this.durable;
    const known = isActive(state) ? state.isolation.pins.hosts : {};
    return { servers: servers(), hosts: await resolveHosts(clock, lookup, hostNames(settings), known) };
  }

  private async feed(input: Input): Promise<void> {
    const before = this.durable.state;
    const { state, effects } = next(before, input, this.now());
    const over = isActive(before) && !(isActive(state) && state.isolation.id === before.isolation.id);
    const { desired } = this.durable;
    const done = over
      ? withDone(this.durable.done, before.isolation.id, desired?.directive?.id)
      : this.durable.done;
    if (state !== before || over) this.durable = { ...this.durable, state, done };
    const safe = this.save();
    for (const effect of effects) {
      // Not to isolate because the disk is full would open a door; to release without a trace would open it later.
      if (effect.kind === 'clear' && !safe) continue;
      const follows = await this.perform(effect);
      if (follows) await this.feed(follows);
    }
    this.caretaker.arm(this.durable.state, this.saveProblem !== '');
  }

  private async perform(effect: Effect): Promise<Input | undefined> {
    switch (effect.kind) {
      case 'enforce':
        return this.enforce();
      case 'clear':
        return this.clear();
      case 'tell-changed':
        this.tellChanged(this.observed());
        return undefined;
      case 'tell-ended':
        this.tellChanged(toEnded(effect.ended, this.durable.state, this.parts.enforcer.kind));
        return undefined;
      case 'report':
        this.emitChange();
        return undefined;
      case 'tell-tampered': {
        const { state } = this.durable;
        const restored = 'proof' in state && state.proof !== undefined;
        const restoredAt = restored ? toTimestamp(this.parts.clock.wall()) : undefined;
        this.parts.log.warn(
          { detail: effect.detail, restored },
          'somebody changed the rules of the isolation',
        );
        this.tell({ $case: 'tamperDetected', value: { detail: effect.detail, restoredAt } });
        return undefined;
      }
    }
  }

  private async enforce(): Promise<Input | undefined> {
    const { state } = this.durable;
    if (!isActive(state)) return undefined;
    try {
      const { proof, missing, readBackAt } = await enforce(state.isolation, { ...this.parts, now: this.now });
      const latency = this.orderedAt && latencyMs(this.orderedAt, readBackAt);
      return { kind: 'enforced', proof, missing, latencyMs: latency, readBackAt };
    } catch (error) {
      this.parts.log.error({ err: error }, 'the isolation could not be enforced; trying again');
      return { kind: 'enforce-failed', detail: (error as Error).message };
    }
  }

  private async clear(): Promise<Input> {
    try {
      await this.parts.enforcer.clear();
      if (!(await this.holdsRules())) return { kind: 'cleared' };
      return { kind: 'clear-failed', detail: 'rules of ours are still in the packet filter' };
    } catch (error) {
      this.parts.log.error({ err: error }, 'the isolation could not be removed; trying again');
      return { kind: 'clear-failed', detail: (error as Error).message };
    }
  }

  private async holdsRules(): Promise<boolean> {
    return (await this.parts.enforcer.inspect()).kind !== 'absent';
  }

  private tellChanged(observed: ObservedIsolation): void {
    const { state, isolationId, degradedReason, evidence } = observed;
    const verification = evidence?.verification;
    this.parts.log.info({ state, isolationId, degradedReason, verification }, 'the isolation changed');
    this.tell({ $case: 'isolationChanged', value: { observed } });
    this.emitChange();
  }

  /** News that cannot be kept are no reason to stop looking after the isolation. */
  private tell(event: NonNullable<AgentEvent['event']>): void {
    try {
      this.parts.tell(event);
    } catch (error) {
      this.parts.log.error({ err: error }, 'an event cannot be saved; make room in the data folder');
    }
  }

  /** The answer to a desired state says it all; a report beside it would say it twice. */
  private emitChange(): void {
    if (!this.answering) this.changed.next();
  }

  private async look(occasion: Occasion): Promise<void> {
    if (occasion === 'time') await this.feed({ kind: 'tick' });
    await this.checkRules();
    if (occasion === 'time') await this.refreshPins();
    this.caretaker.arm(this.durable.state, this.saveProblem !== '');
  }

  /** Compares the packet filter with what was applied, and restores it. */
  private async checkRules(): Promise<void> {
    const { state } = this.durable;
    if (!isActive(state) || !('proof' in state) || !state.proof) return;
    const { isolation, proof } = state;
    const left = (): number =>
      isolation.release === undefined ? Infinity : remainingMs(isolation.release, this.now());
    const most = left();
    if (most < NEAR_DEADLINE_MS) return;
    const found = await this.inspect();
    const detail = differenceOf(found, proof.planId);
    if (detail !== undefined) return this.feed({ kind: 'disturbed', detail });
    // The kernel's own deadline does not count suspend; it is set again to what is left.
    const simulated = this.parts.enforcer.kind === EnforcerKind.ENFORCER_KIND_RECORDING;
    if (found.kind !== 'intact' || simulated) return;
    // However long the look took: the kernel was asked at some moment of it.
    const { holdsForMs: holds = Infinity } = found;
    if (holds > most + DEADLINE_DRIFT_MS || holds < left() - DEADLINE_DRIFT_MS) {
      await this.feed({ kind: 'ordered', order: isolation });
    }
  }

  private async inspect(): Promise<Inspection> {
    try {
      return await this.parts.enforcer.inspect();
    } catch (error) {
      return { kind: 'altered', detail: `our rules cannot be read: ${(error as Error).message}` };
    }
  }

  /** Names may point elsewhere by now, and the server may have told more of its addresses. */
  private async refreshPins(): Promise<void> {
    const { state } = this.durable;
    if (!isActive(state)) return;
    const { isolation } = state;
    const pins = await this.pin(isolation);
    if (JSON.stringify(pins) === JSON.stringify(isolation.pins)) return;
    await this.feed({ kind: 'ordered', order: { ...isolation, pins } });
  }

  private save(): boolean {
    if (this.durable === this.saved) return true;
    try {
      this.parts.store.save(this.durable);
      this.saved = this.durable;
      this.saveProblem = '';
      return true;
    } catch (error) {
      this.saveProblem = `the state cannot be saved and would not survive a restart: ${(error as Error).message}`;
      this.parts.log.error({ err: error }, 'the state cannot be saved; make room in the data folder');
      return false;
    }
  }
}
