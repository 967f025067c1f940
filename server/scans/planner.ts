import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import { every } from '../../shared/periodic.js';
import { aTurn } from '../store/chunks.js';
import type { Store } from '../store/store.js';
import type { Plan } from './decide.js';
import { membersOf } from './members.js';
import { loadPlans, planBatch, type Planned } from './plan-batch.js';
import { openRuns } from './runs.js';
import { startsOf, type ScanTaskRow } from './tasks.js';

/** The next run is planned this long after one was due, at most, and a lost poke costs no more, milliseconds. */
const LOOK_EVERY_MS = 5_000;
/** Devices that come to fit a filter, for example because they are online now, are found this often, milliseconds. */
const SWEEP_EVERY_MS = 600_000;
/** Devices that are planned in one transaction. */
const BATCH = 500;

export interface PlannerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether a stream of the device is open now. */
  readonly isOnline: (deviceId: string) => boolean;
  /** The queue of this device has changed. */
  readonly commandsChanged: (deviceId: string) => void;
}

/**
 * Keeps the runs of IOC scan tasks planned: each device has the next one on its disk before it is due. What has to be done
 * is in the store (`ioc_scan_tasks.to_plan`, `ioc_scan_plans.look_at`); a poke only makes it sooner. Lifetime: until
 * `close`, which waits for the batch under way.
 */
export class Planner {
  private readonly devices = new Set<string>();
  private everything = false;
  private poked = false;
  private closed = false;
  private working: Promise<void> | undefined;
  private readonly timers: readonly CancelTimer[];

  constructor(private readonly deps: PlannerDeps) {
    const { clock, log } = deps;
    const failed = (error: unknown): void =>
      log.error({ err: error }, 'scans could not be planned; tried again');
    // What changed while the server was off is found at once.
    this.everything = true;
    this.timers = [
      every(clock, LOOK_EVERY_MS, () => this.poke(), failed),
      every(
        clock,
        SWEEP_EVERY_MS,
        () => {
          this.everything = true;
          return this.poke();
        },
        failed,
      ),
    ];
  }

  /** A task was made, changed or removed. */
  taskChanged(): void {
    void this.poke();
  }

  /** A device has come, or its group, tags, name, time zone or standing have changed. */
  deviceChanged(deviceId: string): void {
    this.devices.add(deviceId);
    void this.poke();
  }

  /** Resolves when all that was to be planned when it was called is. */
  poke(): Promise<void> {
    this.poked = true;
    this.working ??= this.work();
    return this.working;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const cancel of this.timers) cancel();
    await this.working;
  }

  private async work(): Promise<void> {
    while (this.poked && !this.closed) {
      this.poked = false;
      try {
        await this.round();
      } catch (error) {
        this.deps.log.error({ err: error }, 'scans could not be planned; tried again');
      }
    }
    this.working = undefined;
  }

  private async round(): Promise<void> {
    const devices = [...this.devices];
    const everything = this.everything || devices.length > BATCH;
    this.everything = false;
    this.devices.clear();
    for (const row of await this.tasks()) {
      if (this.closed) return;
      if (everything || row.to_plan === 1) await this.planAll(row);
      else if (devices.length > 0) await this.plan(row, devices);
    }
    await this.planDue();
  }

  private tasks(): Promise<ScanTaskRow[]> {
    return this.deps.store.read.selectFrom('ioc_scan_tasks').selectAll().orderBy('id').execute();
  }

  /** Looks through all devices of a task, and those that it was for. */
  private async planAll(row: ScanTaskRow): Promise<void> {
    const { read } = this.deps.store;
    const plans = await loadPlans(read, row.id);
    await aTurn();
    const runs = await openRuns(read, row.id);
    await aTurn();
    const planned = new Set([...plans.keys(), ...runs.keys()]);
    const members = await membersOf(read, row, this.deps.isOnline, { ids: undefined, planned });
    await aTurn();
    const { hasTimes } = startsOf(row);
    const isCurrent = (plan: Plan | undefined, timeZone: string): boolean =>
      plan ? plan.version === Number(row.version) && plan.timeZone === timeZone : !hasTimes;
    const outdated = [...members.values()].filter(
      ({ id, timeZone }) =>
        !isCurrent(plans.get(id), timeZone) ||
        runs.get(id)?.some(({ begun, version }) => !begun && version !== Number(row.version)),
    );
    const left = [...planned].filter(
      (id) => !members.has(id) && (plans.has(id) || runs.get(id)?.some(({ begun }) => !begun)),
    );
    if (!(await this.plan(row, [...outdated.map(({ id }) => id), ...left])) || row.to_plan === 0) return;
    await this.deps.store.write((tx) =>
      tx
        .updateTable('ioc_scan_tasks')
        .set({ to_plan: 0 })
        .where('id', '=', row.id)
        .where('version', '=', row.version)
        .execute(),
    );
  }

  /** Plans the next start where one has come. */
  private async planDue(): Promise<void> {
    for (;;) {
      const due = await this.deps.store.read
        .selectFrom('ioc_scan_plans')
        .select(['task_id', 'device_id'])
        .where('look_at', '<=', this.deps.clock.wall())
        .orderBy('look_at')
        .limit(BATCH)
        .execute();
      const taskIds = new Set(due.map(({ task_id: id }) => id));
      if (taskIds.size === 0) return;
      const rows = (await this.tasks()).filter(({ id }) => taskIds.has(id));
      for (const row of rows) {
        const ids = due.filter(({ task_id: id }) => id === row.id).map(({ device_id: id }) => id);
        if (this.closed || !(await this.plan(row, ids))) return;
      }
      if (due.length < BATCH || rows.length === 0) return;
    }
  }

  /** Plans a task on these devices. False: the task has changed meanwhile, or the server stops. */
  private async plan(row: ScanTaskRow, deviceIds: readonly string[]): Promise<boolean> {
    const { store, clock, log, isOnline, commandsChanged } = this.deps;
    const starts = startsOf(row);
    for (let from = 0; from < deviceIds.length; from += BATCH) {
      if (this.closed) return false;
      const batch = deviceIds.slice(from, from + BATCH);
      const done = await store.write(async (tx): Promise<Planned | undefined> => {
        const now = await tx
          .selectFrom('ioc_scan_tasks')
          .selectAll()
          .where('id', '=', row.id)
          .executeTakeFirst();
        if (!now || Number(now.version) !== Number(row.version)) return undefined;
        return planBatch(tx, now, starts, batch, isOnline, clock.wall());
      });
      // Whoever changed it has poked.
      if (!done) return false;
      if (done.skipped.length > 0) {
        log.warn({ task: row.id, devices: done.skipped }, 'no room for a scan on devices: it is left out');
      }
      for (const id of done.changed) commandsChanged(id);
    }
    return true;
  }
}
