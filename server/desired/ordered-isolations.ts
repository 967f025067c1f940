import { IsolationEndCause, IsolationMode } from '../../shared/gen/cordon/v1/isolation.js';
import { inChunks } from '../store/chunks.js';
import type { Tx } from '../store/store.js';
import type { Order, StoredOrder } from './order.js';

/** Opens the record of an isolation that an operator has ordered. */
export async function openIsolations(tx: Tx, orders: readonly StoredOrder[], order: Order): Promise<void> {
  for (const chunk of inChunks(orders)) {
    // An order that no device has enforced yet never will be: the newer one takes its place.
    await tx
      .updateTable('isolations')
      .set({ ended_at: order.now, end_cause: IsolationEndCause.ISOLATION_END_CAUSE_REPLACED })
      .where(
        'device_id',
        'in',
        chunk.map(({ device }) => device.id),
      )
      .where('ended_at', 'is', null)
      .where('enforced_at', 'is', null)
      .execute();
    await tx
      .insertInto('isolations')
      .values(
        chunk.map(({ device, directiveId }) => ({
          id: directiveId,
          device_id: device.id,
          mode: IsolationMode.ISOLATION_MODE_MANUAL,
          requested_by: order.requestedBy,
          reason: order.reason,
          issued_at: order.now,
          end_cause: IsolationEndCause.ISOLATION_END_CAUSE_UNSPECIFIED,
          released_by: '',
          release_reason: '',
          settings_hash: device.settings_hash,
          release_delay_ms: order.releaseDelayMs ?? null,
        })),
      )
      .execute();
  }
}

/** Remembers who released; the isolation ends when the device says so, or now if it never began. */
export async function noteRelease(tx: Tx, orders: readonly StoredOrder[], order: Order): Promise<void> {
  for (const chunk of inChunks(orders)) {
    const deviceIds = chunk.map(({ device }) => device.id);
    await tx
      .updateTable('isolations')
      .set({ released_by: order.requestedBy, release_reason: order.reason })
      .where('device_id', 'in', deviceIds)
      .where('ended_at', 'is', null)
      .execute();
    await tx
      .updateTable('isolations')
      .set({ ended_at: order.now, end_cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR })
      .where('device_id', 'in', deviceIds)
      .where('ended_at', 'is', null)
      .where('delivered_at', 'is', null)
      .execute();
  }
}

/** Which of these devices have a record of an isolation that has not ended. */
export async function withOpenIsolation(tx: Tx, deviceIds: readonly string[]): Promise<ReadonlySet<string>> {
  const open = new Set<string>();
  for (const chunk of inChunks(deviceIds)) {
    const rows = await tx
      .selectFrom('isolations')
      .select('device_id')
      .where('device_id', 'in', chunk)
      .where('ended_at', 'is', null)
      .execute();
    for (const { device_id: id } of rows) open.add(id);
  }
  return open;
}
