import { createHash } from 'node:crypto';
import { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationDirective } from '../../shared/gen/cordon/v1/isolation.js';
import { encodedSettings, type DeviceSettings } from './settings.js';

/** What of a device's row goes into its desired state. */
export interface DesiredRow {
  readonly generation: number;
  readonly directive_proto: Uint8Array | null;
}

/** Everything that one device must enforce, with its hash and without a nonce: that belongs to the stream. */
export function buildDesiredState(row: DesiredRow, settings: DeviceSettings): DesiredState {
  const state: DesiredState = {
    generation: BigInt(row.generation),
    nonce: 0n,
    contentHash: Buffer.alloc(0),
    directive: row.directive_proto ? IsolationDirective.decode(row.directive_proto) : undefined,
    manualSettings: settings.manualSettings,
    automaticSettings: settings.automaticSettings,
    localRelease: settings.localRelease,
    trustedDetectors: settings.trustedDetectors,
  };
  return { ...state, contentHash: hashOf(state.directive, settings) };
}

/**
 * The content hash (shared/desired-state.ts) for the price of hashing: fields are encoded in the order of their numbers,
 * the directive before the settings, and those are encoded once for all devices that share them.
 */
function hashOf(directive: IsolationDirective | undefined, settings: DeviceSettings): Buffer {
  const start = DesiredState.encode({ ...DesiredState.fromPartial({}), directive }).finish();
  return createHash('sha256').update(start).update(encodedSettings(settings)).digest();
}

/** Tells whether an agent that knows `generation` and `hash` has nothing to be sent. */
export function alreadyKnown(state: DesiredState, generation: bigint, hash: Uint8Array): boolean {
  return state.generation === generation && state.contentHash.equals(hash);
}
