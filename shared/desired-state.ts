import { createHash } from 'node:crypto';
import { DesiredState } from './gen/cordon/v1/agent_service.js';

/**
 * The content of a desired state as 32 bytes of SHA-256: the same settings give the same hash whatever their generation.
 * The encoding writes fields in the order of their numbers and leaves defaults out, so it is canonical (docs/protocol.md).
 */
export function contentHash(state: DesiredState): Buffer {
  const content: DesiredState = { ...state, generation: 0n, nonce: 0n, contentHash: Buffer.alloc(0) };
  return createHash('sha256').update(DesiredState.encode(content).finish()).digest();
}
