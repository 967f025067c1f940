import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid, type Violation } from '../../shared/errors.js';
import type { Device } from '../../shared/gen/cordon/v1/device.js';
import type { UpdateDeviceRequest } from '../../shared/gen/cordon/v1/device_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { nameProblem } from '../identity/device-name.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { findDevice, type DeviceRow } from './device-lookup.js';
import { validateTags } from './device-tags.js';
import { requireEtag } from './etag.js';
import type { Caller } from './rpc.js';
import { requireMask } from './update-mask.js';

const PATHS = ['name', 'tags'] as const;
type Path = (typeof PATHS)[number];

/**
 * Changes name and tags of a device. What is as it was already is no error.
 * @returns the row after the change
 * @throws CordonError INVALID_FIELD, DEVICE_NOT_FOUND, ALREADY_EXISTS (name), ETAG_MISMATCH
 */
export async function updateDevice(
  tx: Tx,
  clock: Clock,
  caller: Caller,
  { device, updateMask, requestId }: UpdateDeviceRequest,
): Promise<DeviceRow> {
  if (!device || device.id === '') {
    throw invalid([{ field: 'device.id', description: 'must be the id or the name of a device' }]);
  }
  const mask = requireMask(updateMask, PATHS);
  const row = await findDevice(tx, device.id);
  requireEtag(row, device.etag, `device "${row.name}"`);
  const violations = validate(row, device, mask);
  if (violations.length > 0) throw invalid(violations);
  if (mask.has('name')) await requireFree(tx, row.id, device.name);

  const updated = await tx
    .updateTable('devices')
    .set((column) => ({
      ...(mask.has('name') ? { name: device.name } : {}),
      ...(mask.has('tags') ? { tags_json: JSON.stringify(device.tags) } : {}),
      version: column('version', '+', 1),
    }))
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  await appendAudit(tx, {
    occurredAt: clock.wall(),
    actor: caller.operatorName,
    action: 'device.update',
    deviceId: row.id,
    details: {
      name: updated.name,
      ...(mask.has('name') ? { name_before: row.name } : {}),
      ...(mask.has('tags') ? { tags: device.tags, tags_before: JSON.parse(row.tags_json) as string[] } : {}),
    },
    requestId,
  });
  return updated;
}

function validate(row: DeviceRow, device: Device, mask: ReadonlySet<Path>): Violation[] {
  const problem = mask.has('name') ? nameProblem(device.name, row.id) : undefined;
  return [
    ...(problem === undefined ? [] : [{ field: 'device.name', description: problem }]),
    ...(mask.has('tags') ? validateTags(device.tags, 'device.tags') : []),
  ];
}

async function requireFree(tx: Tx, deviceId: string, name: string): Promise<void> {
  const other = await tx
    .selectFrom('devices')
    .select('id')
    .where('name', '=', name)
    .where('id', '!=', deviceId)
    .executeTakeFirst();
  if (!other) return;
  throw new CordonError(
    status.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_ALREADY_EXISTS,
    `another device is named ${name}; choose another name, or rename that one first`,
  );
}
