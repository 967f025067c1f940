import type { Selectable } from 'kysely';
import {
  IsolationAction,
  IsolationDirective,
  IsolationEndCause,
  IsolationMode,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { appendAudits } from '../store/audit.js';
import { inChunks } from '../store/chunks.js';
import type { DevicesTable } from '../store/schema.js';
import type { Tx } from '../store/store.js';

export interface Order {
  readonly action: 'isolate' | 'release';
  /** Why, 1 to 1000 characters. */
  readonly reason: string;
  /** Operator. */
  readonly requestedBy: string;
  /** Release delay in milliseconds in place of the settings'; 0: never; undefined: as the settings say. */
  readonly releaseDelayMs?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly requestId: string;
}

/** The order for one device as it was stored. */
export interface StoredOrder {
  readonly device: OrderedDevice;
  readonly generation: number;
  readonly directiveId: string;
}

/** Columns of a device that an order needs. */
export type OrderedDevice = Pick<Selectable<DevicesTable>, 'id' | 'name' | 'generation' | 'settings_hash'>;

/**
 * Writes the order of an operator into the desired state of each device: directive, generation, isolation record and
 * audit record, all in the caller's transaction.
 */
export async function giveOrder(
  tx: Tx,
  devices: readonly OrderedDevice[],
  order: Order,
): Promise<StoredOrder[]> {
  const orders: StoredOrder[] = [];
  for (const device of devices) {
    const directive = makeDirective(order);
    const generation = Number(device.generation) + 1;
    await setDirective(tx, device.id, generation, directive);
    orders.push({ device, generation, directiveId: directive.id });
  }
  if (order.action === 'isolate') await openIsolations(tx, orders, order);
  else await noteRelease(tx, orders, order);
  await appendAudits(
    tx,
    orders.map(({ device, generation, directiveId }) => ({
      occurredAt: order.now,
      actor: order.requestedBy,
      action: `isolation.${order.action}`,
      deviceId: device.id,
      reason: order.reason,
      requestId: order.requestId,
      details: {
        device_name: device.name,
        generation,
        directive_id: directiveId,
        ...(order.releaseDelayMs === undefined ? {} : { release_delay_ms: order.releaseDelayMs }),
      },
    })),
  );
  return orders;
}

/** Replaces the directive of one device. The generation must be one more than the device's. */
export async function setDirective(
  tx: Tx,
  deviceId: string,
  generation: number,
  directive: IsolationDirective,
): Promise<void> {
  await tx
    .updateTable('devices')
    .set((row) => ({
      generation,
      directive_proto: IsolationDirective.encode(directive).finish(),
      rejection: '',
      version: row('version', '+', 1),
    }))
    .where('id', '=', deviceId)
    .execute();
}

function makeDirective(order: Order): IsolationDirective {
  return {
    id: newId(),
    action:
      order.action === 'isolate'
        ? IsolationAction.ISOLATION_ACTION_ISOLATE
        : IsolationAction.ISOLATION_ACTION_RELEASE,
    reason: order.reason,
    requestedBy: order.requestedBy,
    issuedAt: toTimestamp(order.now),
    releaseDelay: order.releaseDelayMs === undefined ? undefined : toDuration(order.releaseDelayMs),
  };
}

async function openIsolations(tx: Tx, orders: readonly StoredOrder[], order: Order): Promise<void> {
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
        })),
      )
      .execute();
  }
}

/** Remembers who released; the isolation ends when the device says so, or now if it never began. */
async function noteRelease(tx: Tx, orders: readonly StoredOrder[], order: Order): Promise<void> {
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
