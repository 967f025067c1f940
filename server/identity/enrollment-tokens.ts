import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { newId } from '../../shared/ids.js';
import type { EnrollmentTokensTable } from '../store/schema.js';
import type { Reader, Tx } from '../store/store.js';
import { hashSecret, newSecret } from './secret.js';

export type EnrollmentTokenRow = Selectable<EnrollmentTokensTable>;

export interface NewEnrollmentToken {
  readonly maxUses: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly groupId: string;
  readonly createdBy: string;
}

/** Stores a token; the secret is returned here and nowhere else. */
export async function createEnrollmentToken(
  tx: Tx,
  token: NewEnrollmentToken,
  now: number,
): Promise<{ row: EnrollmentTokenRow; secret: string }> {
  const secret = newSecret('enroll');
  const row: EnrollmentTokenRow = {
    id: newId(),
    secret_hash: hashSecret(secret),
    max_uses: token.maxUses,
    uses: 0,
    expires_at: token.expiresAt,
    group_id: token.groupId,
    created_by: token.createdBy,
    created_at: now,
    revoked: 0,
  };
  await tx.insertInto('enrollment_tokens').values(row).execute();
  return { row, secret };
}

/** Makes a token unusable. Undefined if there is none with this id. */
export function revokeEnrollmentToken(tx: Tx, id: string): Promise<EnrollmentTokenRow | undefined> {
  return tx
    .updateTable('enrollment_tokens')
    .set({ revoked: 1 })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

/**
 * The token of a secret, if it still opens anything. Uses are not looked at: a repeat of an enrolment costs none.
 * @throws CordonError ENROLLMENT_TOKEN_REFUSED
 */
export async function requireEnrollmentToken(
  db: Reader,
  secret: string,
  now: number,
): Promise<EnrollmentTokenRow> {
  const token = await db
    .selectFrom('enrollment_tokens')
    .selectAll()
    .where('secret_hash', '=', hashSecret(secret))
    .executeTakeFirst();
  if (!token) throw tokenRefused('is not one of this server');
  if (token.revoked !== 0) throw tokenRefused('was revoked');
  if (Number(token.expires_at) <= now) throw tokenRefused('has expired');
  return token;
}

/**
 * Counts one use, in the transaction that makes the device.
 * @throws CordonError ENROLLMENT_TOKEN_REFUSED if there is none left
 */
export async function useEnrollmentToken(tx: Tx, token: EnrollmentTokenRow): Promise<void> {
  const used = await tx
    .updateTable('enrollment_tokens')
    .set((column) => ({ uses: column('uses', '+', 1) }))
    .where('id', '=', token.id)
    .whereRef('uses', '<', 'max_uses')
    .executeTakeFirst();
  if (used.numUpdatedRows === 0n) throw tokenRefused(`is used up (${token.max_uses} of ${token.max_uses})`);
}

function tokenRefused(problem: string): CordonError {
  return new CordonError(
    status.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_ENROLLMENT_TOKEN_REFUSED,
    `the enrolment token ${problem}; ask an administrator for a new one`,
  );
}
