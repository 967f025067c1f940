import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError } from '../../shared/errors.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import {
  IsolationAction,
  IsolationDirective,
  IsolationEndCause,
  IsolationState,
  ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { DevicesTable } from '../store/schema.js';
import type { Tx } from '../store/store.js';

type DeviceRow = Selectable<DevicesTable>;

/** Bans a device, or lets it connect again, which also ends the suspicion that it was copied. */
export function setBanned(tx: Tx, deviceId: string, banned: boolean): Promise<DeviceRow> {
  return tx
    .updateTable('devices')
    .set((column) => ({
      banned: banned ? 1 : 0,
      ...(banned ? {} : { clone_suspected: 0 }),
      version: column('version', '+', 1),
    }))
    .where('id', '=', deviceId)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/**
 * Forgets a device: its certificates stop working, its open isolations and commands end, and its
 * own network-isolation and IOC scan tasks go.
 * @throws CordonError DEVICE_ISOLATED while an isolation is desired or observed, unless `force`
 */
export async function removeDevice(tx: Tx, device: DeviceRow, force: boolean, now: number): Promise<void> {
  if (!force && (isObserved(device) || (await isDesired(tx, device)))) {
    throw new CordonError(
      status.FAILED_PRECONDITION,
      ErrorReason.ERROR_REASON_DEVICE_ISOLATED,
      `${device.name} is isolated or about to be, and would keep what it enforces until somebody releases it on the spot`,
    );
  }
  await tx
    .updateTable('certificates')
    .set({ revoked_at: now })
    .where('device_id', '=', device.id)
    .where('revoked_at', 'is', null)
    .execute();
  await tx
    .updateTable('isolations')
    .set({ ended_at: now, end_cause: IsolationEndCause.ISOLATION_END_CAUSE_DEVICE_REMOVED })
    .where('device_id', '=', device.id)
    .where('ended_at', 'is', null)
    .execute();
  await tx
    .updateTable('commands')
    .set({ state: CommandState.COMMAND_STATE_CANCELLED, finished_at: now, error: 'the device was removed' })
    .where('device_id', '=', device.id)
    .where('finished_at', 'is', null)
    .execute();
  await tx
    .deleteFrom('isolation_tasks')
    .where('scope_kind', '=', 'device')
    .where('scope_id', '=', device.id)
    .execute();
  await tx
    .deleteFrom('ioc_scan_tasks')
    .where('scope_kind', '=', 'device')
    .where('scope_id', '=', device.id)
    .execute();
  await tx.deleteFrom('ioc_scan_plans').where('device_id', '=', device.id).execute();
  await tx.deleteFrom('devices').where('id', '=', device.id).execute();
}

function isObserved({ observed_proto }: DeviceRow): boolean {
  if (!observed_proto) return false;
  const { state } = ObservedIsolation.decode(observed_proto);
  return (
    state !== IsolationState.ISOLATION_STATE_RELEASED && state !== IsolationState.ISOLATION_STATE_UNSPECIFIED
  );
}

/** The directive stays after its isolation has ended by itself; the record of the isolation tells. */
async function isDesired(tx: Tx, { directive_proto }: DeviceRow): Promise<boolean> {
  if (!directive_proto) return false;
  const { id, action } = IsolationDirective.decode(directive_proto);
  if (action !== IsolationAction.ISOLATION_ACTION_ISOLATE) return false;
  const isolation = await tx
    .selectFrom('isolations')
    .select('ended_at')
    .where('id', '=', id)
    .executeTakeFirst();
  return isolation === undefined || isolation.ended_at === null;
}
