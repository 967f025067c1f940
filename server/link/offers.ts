import type { Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import { pauses } from '../commands/pauses.js';
import { cancellations, takeForDelivery } from '../commands/queue.js';
import { buildDesiredState } from '../desired/desired-state.js';
import type { SettingsReader } from '../desired/settings.js';
import type { Store } from '../store/store.js';
import { refusalFor, type Abilities } from './abilities.js';
import type { Writer } from './writer.js';

/** An answer that has not come after this long does not hold back a newer generation, milliseconds. */
const ANSWER_WITHIN_MS = 60_000;

export interface OfferDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: SettingsReader;
  /** An order was put into the outbox of its device. */
  readonly delivered: (directiveId: string, at: number) => void;
}

/**
 * What one device has yet to be told: its desired state and its commands, read from the store when something was poked.
 * One desired state at a time: the next is offered when the one before is answered, and then it is the newest.
 */
export class Offers {
  private nonce = 0n;
  private outstanding: { readonly nonce: bigint; readonly sentAt: number } | undefined;
  private desiredPoked = false;
  private commandsPoked = false;
  private working = false;
  private closed = false;
  private readonly commandsOnDevice: Set<string>;
  /** What was said on this stream of commands that are to stand still or to go on. */
  private readonly pausesSaid = new Map<string, boolean>();

  /**
   * @param abilities what the agent offers
   * @param generationSent newest generation that the device has already
   * @param openCommands ids in the journal of the device
   */
  constructor(
    private readonly deps: OfferDeps,
    private readonly writer: Writer,
    private readonly deviceId: string,
    private readonly abilities: Abilities,
    private sent: number,
    openCommands: readonly string[],
  ) {
    this.commandsOnDevice = new Set(openCommands);
  }

  /** Newest generation that was offered on this stream or that the device had when it came. */
  get generationSent(): number {
    return this.sent;
  }

  pokeDesired(): void {
    this.desiredPoked = true;
  }

  pokeCommands(): void {
    this.commandsPoked = true;
  }

  /** Whether a report with this nonce answers what is outstanding. */
  isAnswer(nonce: bigint): boolean {
    return this.outstanding !== undefined && this.outstanding.nonce === nonce;
  }

  /** The outstanding state is answered: the next may be offered. */
  answered(): void {
    this.outstanding = undefined;
  }

  /** The device has brought a command to its end. */
  commandEnded(id: string): void {
    this.commandsOnDevice.delete(id);
    this.pausesSaid.delete(id);
  }

  close(): void {
    this.closed = true;
  }

  /** Fills the outbox with what was poked, one read at a time, and writes it. */
  async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    try {
      while (!this.closed && (this.mayOfferDesired() || this.commandsPoked)) {
        if (this.mayOfferDesired()) await this.offerDesired();
        if (this.commandsPoked) await this.offerCommands();
      }
    } catch (error) {
      this.deps.log.error(
        { err: error },
        'what the device must be told could not be read; the sweep tries again',
      );
    } finally {
      this.working = false;
    }
    this.writer.pump();
  }

  private mayOfferDesired(): boolean {
    if (!this.desiredPoked) return false;
    const { outstanding } = this;
    return outstanding === undefined || this.deps.clock.wall() - outstanding.sentAt > ANSWER_WITHIN_MS;
  }

  private async offerDesired(): Promise<void> {
    this.desiredPoked = false;
    const row = await this.deps.store.read
      .selectFrom('devices')
      .select(['generation', 'directive_proto', 'settings_hash'])
      .where('id', '=', this.deviceId)
      .executeTakeFirst();
    if (!row || Number(row.generation) <= this.sent) return;
    const settings = await this.deps.settings.read(this.deps.store.read, row.settings_hash);
    const state = buildDesiredState(row, settings);
    const sentAt = this.deps.clock.wall();
    this.outstanding = { nonce: ++this.nonce, sentAt };
    this.sent = Number(row.generation);
    this.writer.outbox.setDesired({ $case: 'desiredState', value: { ...state, nonce: this.nonce } });
    if (state.directive) this.deps.delivered(state.directive.id, sentAt);
  }

  private async offerCommands(): Promise<void> {
    this.commandsPoked = false;
    const { store, clock } = this.deps;
    for (const id of await cancellations(store.read, this.deviceId, this.commandsOnDevice)) {
      this.writer.say({ $case: 'cancelCommand', value: { id } });
    }
    const refusal = refusalFor(this.abilities);
    const orders = await store.write((tx) =>
      takeForDelivery(tx, this.deviceId, this.commandsOnDevice, refusal, clock.wall()),
    );
    for (const order of orders) this.commandsOnDevice.add(order.id);
    this.writer.outbox.addCommands(orders.map((value) => ({ $case: 'command', value })));
    await this.offerPauses();
  }

  /** Said once on each stream, and again when it changes. */
  private async offerPauses(): Promise<void> {
    for (const { id, wanted } of await pauses(this.deps.store.read, this.deviceId)) {
      if (!this.commandsOnDevice.has(id) || this.pausesSaid.get(id) === wanted) continue;
      this.pausesSaid.set(id, wanted);
      this.writer.outbox.setPause(id, wanted);
    }
  }
}
