import type { Insertable } from 'kysely';
import type { DevicesTable } from '../../../server/store/schema.js';
import type { Store } from '../../../server/store/store.js';
import { inChunks } from '../../../server/store/chunks.js';
import { newId } from '../../../shared/ids.js';

export type DeviceColumns = Partial<Insertable<DevicesTable>>;

/** The row of a device that has enrolled and never connected, but for what is given. */
export function deviceRow(given: DeviceColumns): Insertable<DevicesTable> {
  const id = newId();
  return {
    id,
    name: id,
    group_id: '',
    tags_json: '[]',
    os: '',
    observed_state: 0,
    agent_version: '',
    enrolled_at: 0,
    banned: 0,
    clone_suspected: 0,
    key_hash: '',
    enrollment_token_id: '',
    generation: 1,
    observed_generation: 0,
    rejection: '',
    epoch: 0,
    ...given,
  };
}

/** Puts devices into a store. */
export async function addDevices(store: Store, given: readonly DeviceColumns[]): Promise<void> {
  const rows = given.map(deviceRow);
  await store.write(async (tx) => {
    for (const chunk of inChunks(rows)) await tx.insertInto('devices').values(chunk).execute();
  });
}
