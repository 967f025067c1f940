import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError } from '../../shared/errors.js';
import type { Hello } from '../../shared/gen/cordon/v1/agent_service.js';
import { HostFacts } from '../../shared/gen/cordon/v1/device.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { alreadyKnown, buildDesiredState } from '../desired/desired-state.js';
import { storeObserved, type ReportedDevice } from '../desired/reports.js';
import { outgrow } from '../desired/restored.js';
import type { SettingsReader } from '../desired/settings.js';
import { replaced, violation } from './refusals.js';
import type { Stream } from './registry.js';
import { appendAudit } from '../store/audit.js';
import type { DevicesTable } from '../store/schema.js';
import type { Tx } from '../store/store.js';

/** This contract. */
export const PROTOCOL_VERSION = 1;

export interface Opened {
  readonly epoch: number;
  readonly generation: number;
  /** Nothing needs to be sent: the agent enforces the newest generation. */
  readonly upToDate: boolean;
  /** The device says another time zone than before. */
  readonly timeZoneChanged: boolean;
}

/** Checks what needs no store. @throws CordonError */
export function checkHello(hello: Hello, deviceId: string): void {
  if (hello.deviceId !== deviceId) {
    const named = hello.deviceId.slice(0, 64);
    throw violation(`Hello names device "${named}"; the certificate belongs to ${deviceId}`);
  }
  if (!hello.observed) throw violation('Hello.observed is missing');
  if (hello.openCommandIds.length > 50) throw violation('Hello.open_command_ids has more than 50 entries');
  if (hello.protocolMin > PROTOCOL_VERSION || hello.protocolMax < PROTOCOL_VERSION) {
    throw new CordonError(
      status.FAILED_PRECONDITION,
      ErrorReason.ERROR_REASON_PROTOCOL_VERSION,
      `the agent speaks protocol ${hello.protocolMin} to ${hello.protocolMax}, the server ${PROTOCOL_VERSION}; upgrade the older side`,
    );
  }
}

/** Makes this stream the newest of its device and stores what the agent said of itself, in one transaction. */
export async function openStream(
  tx: Tx,
  hello: Hello,
  nextNonce: Buffer,
  open: Stream | undefined,
  settings: SettingsReader,
  peer: string,
  now: number,
): Promise<Opened> {
  const device = await loadDevice(tx, hello.deviceId);
  const epoch = Number(device.epoch) + 1;
  if (open) await recordReplacement(tx, device, hello, open, peer, now);
  await outgrow(tx, device, hello, now);
  const desired = buildDesiredState(device, await settings.read(tx, device.settings_hash));
  const upToDate = alreadyKnown(desired, hello.knownGeneration, hello.knownHash);
  await tx
    .updateTable('devices')
    .set({
      epoch,
      session_nonce: nextNonce,
      agent_version: hello.agentVersion.slice(0, 64),
      ...(hello.facts ? factColumns(boundFacts(hello.facts)) : {}),
      ...(upToDate ? { observed_generation: device.generation } : {}),
    })
    .where('id', '=', device.id)
    .execute();
  const timeZoneChanged = hello.facts !== undefined && boundFacts(hello.facts).timeZone !== device.time_zone;
  const generation = Number(device.generation);
  if (hello.observed) {
    const fresh = upToDate ? { ...device, observed_generation: device.generation } : device;
    const moved = await storeObserved(tx, fresh, hello.observed, now);
    if (moved) return { epoch, generation: generation + 1, upToDate: false, timeZoneChanged };
  }
  return { epoch, generation, upToDate, timeZoneChanged };
}

/** @throws CordonError when the device was banned or removed meanwhile */
async function loadDevice(tx: Tx, deviceId: string): Promise<Selectable<DevicesTable>> {
  const query = tx.selectFrom('devices').selectAll().where('id', '=', deviceId);
  return welcome(await query.executeTakeFirst());
}

/**
 * What a report is weighed against, read at each message of a stream: no more columns than that.
 * @throws CordonError when the device was banned or removed meanwhile, or a newer stream has taken over
 */
export async function loadFenced(tx: Tx, deviceId: string, epoch: number): Promise<ReportedDevice> {
  const query = tx
    .selectFrom('devices')
    .select(['id', 'banned', 'epoch', 'generation', 'observed_generation', 'directive_proto'])
    .where('id', '=', deviceId);
  const device = welcome(await query.executeTakeFirst());
  if (Number(device.epoch) !== epoch) throw replaced();
  return device;
}

function welcome<Row extends Pick<Selectable<DevicesTable>, 'banned'>>(device: Row | undefined): Row {
  if (device && !device.banned) return device;
  throw new CordonError(
    status.PERMISSION_DENIED,
    device ? ErrorReason.ERROR_REASON_DEVICE_BANNED : ErrorReason.ERROR_REASON_CERTIFICATE_UNKNOWN,
    device ? 'the device is banned' : 'the device is not known; enrol it again',
  );
}

async function recordReplacement(
  tx: Tx,
  device: Selectable<DevicesTable>,
  hello: Hello,
  open: Stream,
  peer: string,
  now: number,
): Promise<void> {
  const actor = `device:${device.id}`;
  await appendAudit(tx, {
    occurredAt: now,
    actor,
    action: 'stream.replaced',
    deviceId: device.id,
    details: { old_peer: open.peer, new_peer: peer, epoch: Number(device.epoch) + 1 },
  });
  // The open stream's agent has the newest nonce. Another one in this Hello comes from a second agent with the same key.
  const copied =
    open.confirmed &&
    hello.sessionNonce.length > 0 &&
    device.session_nonce !== null &&
    !hello.sessionNonce.equals(device.session_nonce);
  if (!copied || device.clone_suspected) return;
  await tx.updateTable('devices').set({ clone_suspected: 1 }).where('id', '=', device.id).execute();
  await appendAudit(tx, {
    occurredAt: now,
    actor: 'server',
    action: 'device.clone_suspected',
    deviceId: device.id,
    details: { old_peer: open.peer, new_peer: peer },
  });
}

function factColumns(facts: HostFacts): Pick<Selectable<DevicesTable>, 'facts_proto' | 'os' | 'time_zone'> {
  return { facts_proto: HostFacts.encode(facts).finish(), os: facts.os, time_zone: facts.timeZone };
}

/** Keeps what an agent says of itself within the contract's limits. */
function boundFacts(facts: HostFacts): HostFacts {
  const cut = (text: string): string => text.slice(0, 253);
  return {
    hostname: cut(facts.hostname),
    os: cut(facts.os),
    osRelease: cut(facts.osRelease),
    architecture: cut(facts.architecture),
    addresses: facts.addresses.slice(0, 64).map(cut),
    timeZone: cut(facts.timeZone),
  };
}
