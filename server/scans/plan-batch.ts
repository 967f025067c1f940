import { UNFINISHED_BOUND, countUnfinished } from '../commands/queue.js';
import { appendAudits, type AuditEntry } from '../store/audit.js';
import { chunksInTurns } from '../store/chunks.js';
import type { Reader, Tx } from '../store/store.js';
import { decide, type Plan } from './decide.js';
import { membersOf } from './members.js';
import { addRuns, openRuns, withdrawRuns, type NewRun } from './runs.js';
import { keepSpec } from './specs.js';
import type { Starts } from './starts.js';
import { plannedTask, type ScanTaskRow } from './tasks.js';

/** What came of a batch. */
export interface Planned {
  /** Devices whose commands have changed. */
  readonly changed: readonly string[];
  /** Devices that have no room for a run. */
  readonly skipped: readonly string[];
}

/**
 * Plans one task on some devices, in one transaction: what is read there is what is decided about, so a repeat after a crash
 * or beside another change plans nothing twice.
 */
export async function planBatch(
  tx: Tx,
  row: ScanTaskRow,
  starts: Starts,
  deviceIds: readonly string[],
  isOnline: (deviceId: string) => boolean,
  now: number,
): Promise<Planned> {
  const plans = await loadPlans(tx, row.id, deviceIds);
  const runs = await openRuns(tx, row.id, deviceIds);
  const planned = new Set([...plans.keys(), ...runs.keys()]);
  const members = await membersOf(tx, row, isOnline, { ids: deviceIds, planned });
  const counts = await countUnfinished(tx, deviceIds);

  const withdraw: string[] = [];
  const make: NewRun[] = [];
  const kept: { readonly deviceId: string; readonly plan: Plan }[] = [];
  const dropped: string[] = [];
  const changed: string[] = [];
  const skipped: { readonly deviceId: string; readonly start: number | null }[] = [];
  for (const deviceId of deviceIds) {
    const before = plans.get(deviceId);
    const open = runs.get(deviceId) ?? [];
    const decision = decide(plannedTask(row), starts, members.get(deviceId), before, open, now);
    withdraw.push(...decision.withdraw);
    let room = UNFINISHED_BOUND - (counts.get(deviceId) ?? 0);
    for (const run of decision.make) {
      if (room-- > 0) make.push({ ...run, deviceId });
      else skipped.push({ deviceId, start: run.notBefore });
    }
    if (decision.withdraw.length + decision.make.length > 0) changed.push(deviceId);
    if (!decision.plan && before) dropped.push(deviceId);
    if (decision.plan && decision.plan !== before) kept.push({ deviceId, plan: decision.plan });
  }
  await withdrawRuns(tx, withdraw);
  if (make.length > 0) {
    await keepSpec(tx, row);
    await addRuns(tx, row, make, now);
  }
  await keepPlans(tx, row.id, kept);
  for await (const chunk of chunksInTurns(dropped)) {
    await tx
      .deleteFrom('ioc_scan_plans')
      .where('task_id', '=', row.id)
      .where('device_id', 'in', chunk)
      .execute();
  }
  if (skipped.length > 0) {
    await appendAudits(
      tx,
      skipped.map(({ deviceId, start }) => skippedEntry(row, deviceId, start, now)),
    );
  }
  return { changed, skipped: skipped.map(({ deviceId }) => deviceId) };
}

function skippedEntry(row: ScanTaskRow, deviceId: string, start: number | null, now: number): AuditEntry {
  return {
    occurredAt: now,
    actor: 'server',
    action: 'ioc_scan.skipped',
    deviceId,
    details: {
      task_id: row.id,
      task: row.name,
      ...(start === null ? {} : { start: new Date(start).toISOString() }),
      why: `${UNFINISHED_BOUND} commands of the device wait already`,
    },
  };
}

/** Plans of a task by device. */
export async function loadPlans(
  db: Reader,
  taskId: string,
  deviceIds?: readonly string[],
): Promise<ReadonlyMap<string, Plan>> {
  const plans = new Map<string, Plan>();
  for await (const chunk of deviceIds ? chunksInTurns(deviceIds) : [undefined]) {
    let query = db.selectFrom('ioc_scan_plans').selectAll().where('task_id', '=', taskId);
    if (chunk) query = query.where('device_id', 'in', chunk);
    for (const row of await query.execute()) {
      plans.set(row.device_id, {
        version: Number(row.version),
        timeZone: row.time_zone,
        plannedTo: Number(row.planned_to),
        lookAt: row.look_at === null ? null : Number(row.look_at),
      });
    }
  }
  return plans;
}

async function keepPlans(
  tx: Tx,
  taskId: string,
  plans: readonly { readonly deviceId: string; readonly plan: Plan }[],
): Promise<void> {
  for await (const chunk of chunksInTurns(plans)) {
    await tx
      .insertInto('ioc_scan_plans')
      .values(
        chunk.map(({ deviceId, plan }) => ({
          task_id: taskId,
          device_id: deviceId,
          version: plan.version,
          time_zone: plan.timeZone,
          planned_to: plan.plannedTo,
          look_at: plan.lookAt,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['task_id', 'device_id']).doUpdateSet((row) => ({
          version: row.ref('excluded.version'),
          time_zone: row.ref('excluded.time_zone'),
          planned_to: row.ref('excluded.planned_to'),
          look_at: row.ref('excluded.look_at'),
        })),
      )
      .execute();
  }
}
