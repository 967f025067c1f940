import type { CordonError } from '../../shared/errors.js';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import type { Logger } from '../../shared/log.js';
import { every } from '../../shared/periodic.js';
import type { Store, Tx } from '../store/store.js';
import type { DeviceChanges } from './device-changes.js';
import { replaced } from './refusals.js';

/** Deliveries and departures are written together, this often, milliseconds. */
const FLUSH_EVERY_MS = 250;
/** Signs of life are looked through this often, milliseconds: there is one for each stream. */
const SEEN_FLUSH_EVERY_MS = 5_000;
/** A lost poke costs at most this long, milliseconds. */
const SWEEP_EVERY_MS = 5_000;
/** `last_seen_at` is written at most this often for one device, milliseconds. */
const SEEN_EVERY_MS = 30_000;
/** Streams told to leave in one turn of the event loop. */
const DRAIN_WAVE = 256;

/** What the registry needs of a stream. */
export interface Stream {
  readonly deviceId: string;
  readonly peer: string;
  /** Number of this stream of the device. */
  readonly epoch: number;
  /** The agent has said something since Welcome. */
  readonly confirmed: boolean;
  /** Newest generation that the agent was sent or had when it came. */
  readonly generationSent: number;
  pokeDesired(): void;
  pokeCommands(): void;
  drain(reconnectAfterMs: number, reason: string): void;
  end(error: CordonError): void;
}

/** Every open stream by device: newest wins. Owner of the timers that repair what a poke lost. */
export class Registry {
  private readonly sessions = new Map<string, Stream>();
  private deliveries: { id: string; at: number }[] = [];
  /** Devices whose stream has ended, and when. */
  private left = new Map<string, number>();
  private readonly seenSince = new Map<string, number>();
  private readonly written = new Map<string, number>();
  private readonly timers: readonly CancelTimer[];

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly changes: DeviceChanges,
    private readonly log: Logger,
  ) {
    const failed = (error: unknown): void =>
      this.log.error({ err: error }, 'a periodic task failed; it runs again');
    this.timers = [
      every(clock, FLUSH_EVERY_MS, () => this.flush(), failed),
      every(clock, SEEN_FLUSH_EVERY_MS, () => this.flushSeen(), failed),
      every(clock, SWEEP_EVERY_MS, () => this.sweep(), failed),
    ];
  }

  get(deviceId: string): Stream | undefined {
    return this.sessions.get(deviceId);
  }

  /** Takes a stream that has said Hello. False: a newer one is already here. */
  add(session: Stream): boolean {
    const current = this.sessions.get(session.deviceId);
    if (current && current.epoch > session.epoch) return false;
    this.sessions.set(session.deviceId, session);
    current?.end(replaced());
    this.changes.emit(session.deviceId);
    return true;
  }

  /** Forgets a stream that has ended, unless a newer one has its place. */
  remove(session: Stream): void {
    if (this.sessions.get(session.deviceId) !== session) return;
    this.sessions.delete(session.deviceId);
    this.left.set(session.deviceId, this.clock.wall());
    this.seenSince.delete(session.deviceId);
    this.written.delete(session.deviceId);
    this.changes.emit(session.deviceId);
  }

  /** The device has said something. */
  seen(deviceId: string): void {
    this.seenSince.set(deviceId, this.clock.wall());
  }

  /** An order was written to the stream of its device. */
  delivered(directiveId: string, at: number): void {
    this.deliveries.push({ id: directiveId, at });
  }

  pokeDesired(deviceIds: Iterable<string>): void {
    for (const id of deviceIds) this.sessions.get(id)?.pokeDesired();
  }

  pokeCommands(deviceId: string): void {
    this.sessions.get(deviceId)?.pokeCommands();
  }

  /** Ends the stream of a device at once. */
  refuse(deviceId: string, error: CordonError): void {
    this.sessions.get(deviceId)?.end(error);
  }

  /** Tells every agent to leave, in waves, so that heartbeats and answers still get through. */
  async drain(reconnectAfterMs: number, reason: string): Promise<void> {
    let inWave = 0;
    for (const session of [...this.sessions.values()]) {
      session.drain(reconnectAfterMs, reason);
      if (++inWave % DRAIN_WAVE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Writes what is waiting and stops the timers. */
  async close(): Promise<void> {
    for (const cancel of this.timers) cancel();
    await this.flush();
    await this.flushSeen();
  }

  private async flush(): Promise<void> {
    const { deliveries, left } = this;
    if (deliveries.length === 0 && left.size === 0) return;
    this.deliveries = [];
    this.left = new Map();
    await this.store.write(async (tx) => {
      for (const { id, at } of deliveries) {
        await tx
          .updateTable('isolations')
          .set((row) => ({ delivered_at: row.fn.coalesce('delivered_at', row.val(at)) }))
          .where('id', '=', id)
          .execute();
      }
      await writeSeen(tx, left);
    });
  }

  private async flushSeen(): Promise<void> {
    const now = this.clock.wall();
    const due = [...this.seenSince].filter(([id, at]) => at - (this.written.get(id) ?? 0) >= SEEN_EVERY_MS);
    if (due.length === 0) return;
    for (const [id] of due) {
      this.seenSince.delete(id);
      this.written.set(id, now);
    }
    await this.store.write((tx) => writeSeen(tx, due));
  }

  /** Finds connected devices whose desired state is newer than what was sent to them. */
  private async sweep(): Promise<void> {
    if (this.sessions.size === 0) return;
    const behind = await this.store.read
      .selectFrom('devices')
      .select(['id', 'generation'])
      .whereRef('observed_generation', '<', 'generation')
      .execute();
    for (const { id, generation } of behind) {
      const session = this.sessions.get(id);
      if (session && session.generationSent < Number(generation)) session.pokeDesired();
    }
    await this.sweepCommands();
  }

  private async sweepCommands(): Promise<void> {
    const waiting = await this.store.read
      .selectFrom('commands')
      .select('device_id')
      .distinct()
      .where('finished_at', 'is', null)
      .where((row) =>
        row.or([
          row('delivery_attempts', '=', 0),
          row('cancel_requested', '=', 1),
          row('pause_requested', '=', 1),
          row('state', '=', CommandState.COMMAND_STATE_PAUSED),
        ]),
      )
      .execute();
    for (const { device_id: id } of waiting) this.sessions.get(id)?.pokeCommands();
  }
}

async function writeSeen(tx: Tx, seen: Iterable<readonly [deviceId: string, at: number]>): Promise<void> {
  for (const [id, at] of seen) {
    await tx.updateTable('devices').set({ last_seen_at: at }).where('id', '=', id).execute();
  }
}
