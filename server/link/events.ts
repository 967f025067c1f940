import { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { isId } from '../../shared/ids.js';
import { raiseAlert } from '../alerts/raise.js';
import { bounded, boundedObserved, wallTime } from '../desired/bounded.js';
import { noteIsolation } from '../desired/reported-isolations.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { violation } from './refusals.js';

/** Stores an event once, however often it is sent. @throws CordonError when it has no usable id */
export async function storeEvent(tx: Tx, deviceId: string, event: AgentEvent, now: number): Promise<void> {
  if (!isId(event.id)) {
    throw violation(`event.id "${event.id.slice(0, 64)}" is not a UUID`);
  }
  const occurredAt = wallTime(event.occurredAt, now);
  const inserted = await tx
    .insertInto('events')
    .values({
      id: event.id,
      device_id: deviceId,
      occurred_at: occurredAt,
      received_at: now,
      // What a detection says is in its alert, as much of it as is kept.
      event_proto: AgentEvent.encode(
        event.event?.$case === 'detectionFound' ? { ...event, event: undefined } : event,
      ).finish(),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  if (Number(inserted.numInsertedOrUpdatedRows ?? 0) === 0) return;

  const actor = `device:${deviceId}`;
  switch (event.event?.$case) {
    case 'isolationChanged':
      if (event.event.value.observed)
        await noteIsolation(tx, deviceId, boundedObserved(event.event.value.observed), now, 'past');
      return;
    case 'tamperDetected':
      return appendAudit(tx, {
        occurredAt: now,
        actor,
        action: 'device.tamper',
        deviceId,
        details: {
          detail: bounded(event.event.value.detail),
          restored: event.event.value.restoredAt !== undefined,
        },
      });
    case 'releaseRefused':
      return appendAudit(tx, {
        occurredAt: now,
        actor,
        action: 'device.release_refused',
        deviceId,
        details: { user: bounded(event.event.value.user), detail: bounded(event.event.value.detail) },
      });
    case 'detectionFound':
      return raiseAlert(tx, {
        id: event.id,
        deviceId,
        occurredAt,
        receivedAt: now,
        detection: event.event.value,
      });
    case undefined:
      return;
  }
}
