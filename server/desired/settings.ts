import { createHash } from 'node:crypto';
import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { RELEASE_DELAY, toDuration } from '../../shared/time.js';
import type { Reader, Tx } from '../store/store.js';

/** What of a desired state comes from a policy and a network-isolation task. Many devices share one. */
export type DeviceSettings = Pick<
  DesiredState,
  'manualSettings' | 'automaticSettings' | 'localRelease' | 'trustedDetectors'
>;

/** Settings of a mode that nobody has set otherwise (seed: 8 h, DNS and DHCP). */
export function defaultSettings(): IsolationSettings {
  return IsolationSettings.fromPartial({
    exclusions: defaultExclusions(),
    releaseDelay: toDuration(RELEASE_DELAY.defaultMs),
  });
}

/** Settings of a device to which no policy and no task applies. */
export const defaultDeviceSettings: DeviceSettings = {
  manualSettings: defaultSettings(),
  automaticSettings: undefined,
  localRelease: undefined,
  trustedDetectors: [],
};

/** How many different settings are kept decoded: one for each pair of policy and task that is in use. */
const CACHED = 64;

/** Reads settings by hash. A row never changes, so that what was read once stays true. */
export class SettingsReader {
  private readonly cache = new Map<string, DeviceSettings>();

  /** @param hash '': the defaults */
  async read(db: Reader | Tx, hash: string): Promise<DeviceSettings> {
    if (hash === '') return defaultDeviceSettings;
    const cached = this.cache.get(hash);
    if (cached) return cached;
    const row = await db
      .selectFrom('settings')
      .select('settings_proto')
      .where('hash', '=', hash)
      .executeTakeFirst();
    if (!row) throw new Error(`settings ${hash} are not in the store (this is a bug)`);
    const settings = DesiredState.decode(row.settings_proto);
    const oldest = this.cache.keys().next().value;
    if (this.cache.size >= CACHED && oldest !== undefined) this.cache.delete(oldest);
    this.cache.set(hash, settings);
    return settings;
  }
}

/**
 * Keeps settings once. Returns their hash; '' for the defaults, so that a device to which nothing applies any more is as
 * one to which nothing ever did.
 */
export async function keepSettings(tx: Tx, settings: DeviceSettings): Promise<string> {
  const proto = encode(settings);
  if (proto.equals(encodedSettings(defaultDeviceSettings))) return '';
  const hash = createHash('sha256').update(proto).digest('hex');
  await tx
    .insertInto('settings')
    .values({ hash, settings_proto: proto })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .execute();
  return hash;
}

const encoded = new WeakMap<DeviceSettings, Buffer>();

/** The settings as a desired state without anything else, encoded once for each object. */
export function encodedSettings(settings: DeviceSettings): Buffer {
  const known = encoded.get(settings);
  if (known) return known;
  const bytes = encode(settings);
  encoded.set(settings, bytes);
  return bytes;
}

function encode(settings: DeviceSettings): Buffer {
  const none = { generation: 0n, nonce: 0n, contentHash: Buffer.alloc(0), directive: undefined };
  return Buffer.from(DesiredState.encode({ ...settings, ...none }).finish());
}

/** Forgets settings that no device has and no record of an isolation shows. */
export async function pruneSettings(tx: Tx): Promise<void> {
  await tx
    .deleteFrom('settings')
    .where('hash', 'not in', (row) => row.selectFrom('devices').select('settings_hash'))
    .where('hash', 'not in', (row) => row.selectFrom('isolations').select('settings_hash'))
    .execute();
}
