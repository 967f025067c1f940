import type { Observable } from 'rxjs';
import type { Violation } from '../../shared/errors.js';
import { ApplyStatus, type DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationEndCause, type ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import type { Logger } from '../../shared/log.js';
import { Serial } from '../serial.js';
import { holdsRules, tryToClear, tryToEnforce } from './attempts.js';
import { Caretaker, type Occasion } from './caretaker.js';
import type { Moment } from './deadline.js';
import { decide, wantedBy, type Detection, type Wanted } from './decide.js';
import { withDone } from './done.js';
import { proveAgain, type EnforcementParts } from './enforcement.js';
import { KeptState } from './kept-state.js';
import { next, type Effect, type Input } from './machine.js';
import { News, type Tell } from './news.js';
import { isWhole, toEnded, toObserved, withSaveProblem } from './observed.js';
import { checkPins, pin, type PinParts } from './pins.js';
import { checkRules } from './rules-check.js';
import { isActive, type Isolation, type State } from './state.js';
import type { IsolationStore } from './store.js';
import { validateDesiredState } from './validate.js';

export interface OwnerParts extends Omit<EnforcementParts, 'now'>, PinParts {
  readonly bootId: string;
  readonly log: Logger;
  readonly store: IsolationStore;
  readonly tell: Tell;
}

/** How a desired state was taken. */
export interface Answer {
  readonly status: ApplyStatus;
  readonly violations: readonly Violation[];
}

/**
 * The only one that touches the packet filter and the state file: everything that happens is fed through the state
 * machine one at a time, the new state is on disk before its effects are carried out.
 */
export class IsolationOwner {
  private readonly serial = new Serial();
  private readonly parts: OwnerParts & EnforcementParts;
  private readonly kept: KeptState;
  private readonly news: News;
  private readonly caretaker: Caretaker;
  private applied: DesiredState | undefined;
  /** When the order was received that is being carried out; undefined: none is. */
  private orderedAt: Moment | undefined;

  /** @throws StateFileError where the state file is damaged; the packet filter is left as it is */
  constructor(parts: OwnerParts) {
    const { bootId, clock, enforcer, log, store, tell } = parts;
    const now = (): Moment => ({ bootId, sinceBootMs: clock.sinceBoot(), wallMs: clock.wall() });
    this.parts = { ...parts, now };
    this.kept = new KeptState(store, log);
    this.news = new News(log, tell);
    this.applied = this.kept.durable.desired;
    this.caretaker = new Caretaker({
      clock,
      log,
      now,
      watch: () => enforcer.watch(),
      look: (occasion, begun) =>
        this.serial.run(() => {
          begun();
          return this.look(occasion);
        }),
    });
  }

  /** Emits when the state changed without having been asked to by a desired state. */
  get changes(): Observable<void> {
    return this.news.changes;
  }

  /** Brings file, packet filter and deadlines in line after a start. */
  async start(): Promise<void> {
    await this.serial.run(async () => {
      const { enforcer, log } = this.parts;
      await this.feed({ kind: 'started' });
      if (this.state.kind === 'RELEASED' && (await holdsRules(enforcer))) {
        log.warn('the device is released, but rules of ours are in the packet filter: removing them');
        await this.feed({ kind: 'leftover' });
      }
      await this.feed({ kind: 'server-lost' });
    });
  }

  /** Ends timers and watchers. What is enforced stays enforced. */
  async stop(): Promise<void> {
    this.caretaker.stop();
    await this.serial.idle();
    this.news.end();
  }

  /** Takes a desired state: refuses it as a whole, or has carried it out when this resolves. */
  handle(desired: DesiredState, receivedAt: Moment): Promise<Answer> {
    return this.serial.run(async () => {
      const violations = validateDesiredState(desired, this.accepted?.generation ?? 0n);
      if (violations.length > 0) return { status: ApplyStatus.APPLY_STATUS_REJECTED, violations };
      await this.news.duringAnswer(() => this.carryOut(desired, receivedAt));
      this.applied = this.accepted;
      const { APPLY_STATUS_APPLIED: whole, APPLY_STATUS_DEGRADED: degraded } = ApplyStatus;
      return { status: isWhole(this.observed()) ? whole : degraded, violations: [] };
    });
  }

  /**
   * A detection asks for isolation. Returns the isolation that it started, also where that was before a crash and it has
   * ended since; empty: none (DESIGN 3.7).
   */
  isolateAutomatically(detection: Detection): Promise<string> {
    const receivedAt = this.parts.now();
    const { id = newId() } = detection;
    return this.serial.run(async () => {
      if (this.isolation?.id === id || this.kept.durable.done.includes(id)) return id;
      const wanted = wantedBy(detection, id, this.state, this.accepted?.automaticSettings);
      if (!wanted) return '';
      await this.isolate(wanted, receivedAt);
      return wanted.id;
    });
  }

  /**
   * Somebody who may do so ends the isolation at the device; without the server, too. Resolves to false where there is
   * none. Where our rules could not be removed yet, `observed` says so afterwards: the release is decided all the same.
   * @param by for example `local:root`
   */
  releaseLocally(by: string): Promise<boolean> {
    return this.serial.run(async () => {
      if (this.state.kind === 'RELEASED') return false;
      const cause = IsolationEndCause.ISOLATION_END_CAUSE_LOCAL;
      await this.feed(isActive(this.state) ? { kind: 'released', cause, by } : { kind: 'tick' });
      return true;
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
      const { state } = this;
      if (state.kind === 'ISOLATED') {
        await this.feed({ kind: 'proved', ...(await proveAgain(state.isolation, state.proof, this.parts)) });
      }
      return this.observed();
    });
  }

  /** What is observed now. */
  observed(): ObservedIsolation {
    const observed = toObserved(this.state, this.parts.enforcer.kind, this.parts.now());
    return withSaveProblem(observed, this.state, this.kept.problem);
  }

  /** The desired state that has been carried out. */
  get appliedState(): DesiredState | undefined {
    return this.applied;
  }

  /** The desired state that was accepted last: its settings hold, also without the server. */
  get accepted(): DesiredState | undefined {
    return this.kept.durable.desired;
  }

  /** The isolation that is wanted now. */
  get isolation(): Isolation | undefined {
    return isActive(this.state) ? this.state.isolation : undefined;
  }

  get isolated(): boolean {
    return this.state.kind !== 'RELEASED';
  }

  private get state(): State {
    return this.kept.durable.state;
  }

  private async carryOut(desired: DesiredState, receivedAt: Moment): Promise<void> {
    const { state, done } = this.kept.durable;
    const decision = decide(state, desired, done);
    switch (decision.kind) {
      case 'nothing':
        this.kept.change({ desired });
        this.kept.save();
        return;
      case 'release': {
        const id = desired.directive?.id;
        this.kept.change({ desired, done: withDone(done, id, id) });
        return this.feed({ kind: 'released', cause: decision.cause });
      }
      case 'isolate':
        return this.isolate(decision.wanted, receivedAt, desired);
    }
  }

  private async isolate(wanted: Wanted, receivedAt: Moment, desired = this.accepted): Promise<void> {
    const order = { ...wanted, pins: await pin(this.state, wanted.settings, this.parts) };
    this.kept.change({ desired });
    this.orderedAt = receivedAt;
    await this.feed({ kind: 'ordered', order });
    this.orderedAt = undefined;
  }

  private async feed(input: Input): Promise<void> {
    const { state: before, done, desired } = this.kept.durable;
    const { state, effects } = next(before, input, this.parts.now());
    const over = isActive(before) && !(isActive(state) && state.isolation.id === before.isolation.id);
    if (over) this.kept.change({ state, done: withDone(done, before.isolation.id, desired?.directive?.id) });
    else if (state !== before) this.kept.change({ state });
    const safe = this.kept.save();
    for (const effect of effects) {
      // Not to isolate because the disk is full would open a door; to release without a trace would open it later.
      if (effect.kind === 'clear' && !safe) continue;
      const follows = await this.perform(effect);
      if (follows) await this.feed(follows);
    }
    this.arm();
  }

  private async perform(effect: Effect): Promise<Input | undefined> {
    const { state } = this;
    const { clock, enforcer, log } = this.parts;
    switch (effect.kind) {
      case 'enforce':
        return isActive(state) ? tryToEnforce(state.isolation, this.orderedAt, this.parts) : undefined;
      case 'clear':
        return tryToClear(enforcer, log);
      case 'tell-changed':
        this.news.isolationChanged(this.observed());
        return undefined;
      case 'tell-ended':
        this.news.isolationChanged(toEnded(effect.ended, state, enforcer.kind));
        return undefined;
      case 'report':
        this.news.report();
        return undefined;
      case 'tell-tampered': {
        const restored = 'proof' in state && state.proof !== undefined;
        this.news.tampered(effect.detail, restored ? clock.wall() : undefined);
        return undefined;
      }
    }
  }

  private async look(occasion: Occasion): Promise<void> {
    if (occasion === 'time') await this.feed({ kind: 'tick' });
    await this.checkRules();
    if (occasion === 'time') {
      const moved = await checkPins(this.state, this.parts);
      if (moved) await this.feed(moved);
    }
    this.arm();
  }

  private async checkRules(): Promise<void> {
    const { enforcer, now } = this.parts;
    const found = await checkRules(this.state, enforcer, now);
    if (found) await this.feed(found);
  }

  private arm(): void {
    this.caretaker.arm(this.state, this.kept.problem !== '');
  }
}
