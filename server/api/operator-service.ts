import type { Clock } from '../../shared/clock.js';
import { invalid } from '../../shared/errors.js';
import {
  Role,
  roleToJSON,
  type CreateApiTokenRequest,
  type CreateApiTokenResponse,
  type GetCurrentOperatorRequest,
  type GetCurrentOperatorResponse,
  type ListApiTokensRequest,
  type ListApiTokensResponse,
  type RevokeApiTokenRequest,
  type RevokeApiTokenResponse,
} from '../../shared/gen/cordon/v1/operator_service.js';
import { version } from '../../shared/package-root.js';
import { createApiToken, revokeApiToken } from '../identity/api-tokens.js';
import { appendAudit } from '../store/audit.js';
import type { Store } from '../store/store.js';
import { isRole } from './authorize.js';
import type { Handlers } from './handlers.js';
import { apiTokenMessage } from './messages.js';
import { page, pageSize, pageStart } from './page.js';
import type { Mutation, Query } from './rpc.js';
import { durationWithin, notFound, requireId, requireText } from './validate.js';

const LONGEST_NAME = 64;
const MINUTE_MS = 60_000;
const LONGEST_TTL_MS = 3650 * 86_400_000;

export interface OperatorServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
}

export function operatorService(deps: OperatorServiceDeps): Handlers {
  return {
    getCurrentOperator: current(deps),
    createApiToken: create(deps),
    listApiTokens: list(deps),
    revokeApiToken: revoke(deps),
  };
}

function current({
  store,
}: OperatorServiceDeps): Query<GetCurrentOperatorRequest, GetCurrentOperatorResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (caller) => {
      const row = await store.read
        .selectFrom('api_tokens')
        .selectAll()
        .where('id', '=', caller.tokenId)
        .executeTakeFirstOrThrow();
      return { apiToken: apiTokenMessage(row), serverVersion: version };
    },
  };
}

function create({ clock }: OperatorServiceDeps): Mutation<CreateApiTokenRequest, CreateApiTokenResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    answersSecret: true,
    run: async (tx, caller, request) => {
      requireText('operator_name', request.operatorName, 1, LONGEST_NAME);
      if (!isOperatorName(request.operatorName)) {
        const description = 'must not be "server", hold a colon or control characters, or start with a space';
        throw invalid([{ field: 'operator_name', description }]);
      }
      if (!isRole(request.role)) {
        throw invalid([{ field: 'role', description: 'must be viewer, operator or administrator' }]);
      }
      const ttl = durationWithin('ttl', request.ttl, MINUTE_MS, LONGEST_TTL_MS);
      const now = clock.wall();
      const expiresAt = ttl === undefined ? undefined : now + ttl;
      const wanted = { operatorName: request.operatorName, role: request.role, expiresAt };
      const { row, secret } = await createApiToken(tx, wanted, now);
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'api_token.create',
        details: { id: row.id, operator_name: row.operator_name, role: roleToJSON(request.role) },
        requestId: request.requestId,
      });
      return { apiToken: apiTokenMessage(row), secret };
    },
  };
}

/** Audit records name operators, `server` and `device:<id>` in one field: an operator must not pass for another kind. */
function isOperatorName(name: string): boolean {
  return name !== 'server' && !/^\s|[:\p{Cc}]/u.test(name);
}

function list({ store }: OperatorServiceDeps): Query<ListApiTokensRequest, ListApiTokensResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (_caller, request) => {
      const size = pageSize(request);
      const before = pageStart('api_tokens', request);
      let query = store.read.selectFrom('api_tokens').selectAll();
      if (before !== undefined) query = query.where('id', '<', before);
      const read = await query
        .orderBy('id', 'desc')
        .limit(size + 1)
        .execute();
      const { rows, nextPageToken } = page('api_tokens', read, size, ({ id }) => id);
      return { apiTokens: rows.map(apiTokenMessage), nextPageToken };
    },
  };
}

function revoke({ clock }: OperatorServiceDeps): Mutation<RevokeApiTokenRequest, RevokeApiTokenResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      requireId('id', request.id);
      const now = clock.wall();
      const row = await revokeApiToken(tx, request.id, now);
      if (!row) throw notFound('API token', request.id);
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'api_token.revoke',
        details: { id: row.id, operator_name: row.operator_name },
        requestId: request.requestId,
      });
      return { apiToken: apiTokenMessage(row) };
    },
  };
}
