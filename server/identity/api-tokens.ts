import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../shared/ids.js';
import { appendAudit } from '../store/audit.js';
import type { ApiTokensTable } from '../store/schema.js';
import type { Reader, Store, Tx } from '../store/store.js';
import { hashSecret, newSecret } from './secret.js';

export type ApiTokenRow = Selectable<ApiTokensTable>;

export interface NewApiToken {
  readonly operatorName: string;
  readonly role: Role;
  /** Milliseconds since 1970; undefined: never ends. */
  readonly expiresAt: number | undefined;
}

/** Stores a token; the secret is returned here and nowhere else. */
export async function createApiToken(
  tx: Tx,
  token: NewApiToken,
  now: number,
): Promise<{ row: ApiTokenRow; secret: string }> {
  const secret = newSecret('api');
  const row: ApiTokenRow = {
    id: newId(),
    secret_hash: hashSecret(secret),
    operator_name: token.operatorName,
    role: token.role,
    created_at: now,
    expires_at: token.expiresAt ?? null,
    revoked: 0,
  };
  await tx.insertInto('api_tokens').values(row).execute();
  return { row, secret };
}

/** The token of a secret, if it works now. Undefined otherwise, whatever the cause. */
export async function findApiToken(
  db: Reader,
  secret: string,
  now: number,
): Promise<ApiTokenRow | undefined> {
  const row = await db
    .selectFrom('api_tokens')
    .selectAll()
    .where('secret_hash', '=', hashSecret(secret))
    .executeTakeFirst();
  return row && works(row, now) ? row : undefined;
}

/** Whether the token with this id works now. */
export async function apiTokenWorks(db: Reader, id: string, now: number): Promise<boolean> {
  const row = await db.selectFrom('api_tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row !== undefined && works(row, now);
}

/**
 * Makes a token unusable. Undefined if there is none with this id.
 * @throws CordonError FAILED_PRECONDITION if no administrator would be left
 */
export async function revokeApiToken(tx: Tx, id: string, now: number): Promise<ApiTokenRow | undefined> {
  const row = await tx.selectFrom('api_tokens').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return undefined;
  const administrator: number = Role.ROLE_ADMINISTRATOR;
  if (row.role === administrator && works(row, now)) {
    const administrators = await tx
      .selectFrom('api_tokens')
      .selectAll()
      .where('role', '=', administrator)
      .where('id', '!=', id)
      .execute();
    // One that expires by itself does not count: nobody would be left afterwards.
    if (!administrators.some((other) => works(other, now) && other.expires_at === null)) {
      throw new CordonError(
        status.FAILED_PRECONDITION,
        ErrorReason.ERROR_REASON_INVALID_FIELD,
        'this is the last administrator token that does not expire; make another one first',
        { violations: [{ field: 'id', description: 'must not be the last administrator' }] },
      );
    }
  }
  await tx.updateTable('api_tokens').set({ revoked: 1 }).where('id', '=', id).execute();
  return { ...row, revoked: 1 };
}

/**
 * Makes the first administrator's token, if there is no token at all yet.
 * @returns its secret, or undefined if there are tokens
 */
export function firstAdministrator(store: Store, now: number): Promise<string | undefined> {
  return store.write(async (tx) => {
    const any = await tx.selectFrom('api_tokens').select('id').limit(1).executeTakeFirst();
    return any ? undefined : makeAdministrator(tx, now);
  });
}

/** Makes one more token for the operator `admin`, for whoever has the data folder and lost the secret. */
export async function makeAdministrator(tx: Tx, now: number): Promise<string> {
  const token = { operatorName: 'admin', role: Role.ROLE_ADMINISTRATOR, expiresAt: undefined };
  const { row, secret } = await createApiToken(tx, token, now);
  await appendAudit(tx, {
    occurredAt: now,
    actor: 'server',
    action: 'api_token.create',
    details: { id: row.id, operator_name: row.operator_name, role: 'ROLE_ADMINISTRATOR' },
  });
  return secret;
}

function works(row: ApiTokenRow, now: number): boolean {
  return row.revoked === 0 && (row.expires_at === null || Number(row.expires_at) > now);
}
