import { status, type Metadata } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { findApiToken } from '../identity/api-tokens.js';
import type { Reader } from '../store/store.js';
import type { Caller } from './rpc.js';

/**
 * Who calls, by `authorization: Bearer <secret>`. Every secret is hashed and looked up by its hash, so that the time it
 * takes says nothing about the secrets that exist.
 * @throws CordonError TOKEN_INVALID
 */
export async function authenticate(
  db: Reader,
  metadata: Metadata,
  peer: string,
  now: number,
): Promise<Caller> {
  const [header] = metadata.get('authorization');
  const secret = /^bearer +(\S+)$/i.exec(String(header ?? ''))?.[1];
  if (secret === undefined) {
    throw tokenInvalid('send the header "authorization: Bearer <API token>"; `cordon login` does it for you');
  }
  const token = await findApiToken(db, secret, now);
  if (!token) {
    throw tokenInvalid('the API token is unknown, revoked or expired; ask an administrator for a new one');
  }
  return { operatorName: token.operator_name, tokenId: token.id, role: token.role, peer };
}

export function tokenInvalid(message: string): CordonError {
  return new CordonError(status.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID, message);
}
