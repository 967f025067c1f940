import type { Clock } from '../../shared/clock.js';
import { invalid } from '../../shared/errors.js';
import type {
  CreateEnrollmentTokenRequest,
  CreateEnrollmentTokenResponse,
  ListEnrollmentTokensRequest,
  ListEnrollmentTokensResponse,
  RevokeEnrollmentTokenRequest,
  RevokeEnrollmentTokenResponse,
} from '../../shared/gen/cordon/v1/device_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { createEnrollmentToken, revokeEnrollmentToken } from '../identity/enrollment-tokens.js';
import { ROOT_GROUP, loadGroups } from '../groups/tree.js';
import { appendAudit } from '../store/audit.js';
import type { Store } from '../store/store.js';
import { findGroup } from './group-lookup.js';
import type { Handlers } from './handlers.js';
import { enrollmentTokenMessage } from './messages.js';
import { page, pageSize, pageStart } from './page.js';
import type { Mutation, Query } from './rpc.js';
import { durationWithin, notFound, requireId } from './validate.js';

const MOST_USES = 100_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export interface EnrollmentTokenDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** SHA-256 of the CA certificate, hex. */
  readonly caFingerprint: string;
  /** Port where agents connect. */
  readonly agentPort: number;
}

/** The rpcs of DeviceService about enrolment tokens. */
export function enrollmentTokenHandlers(deps: EnrollmentTokenDeps): Handlers {
  return {
    createEnrollmentToken: create(deps),
    listEnrollmentTokens: list(deps),
    revokeEnrollmentToken: revoke(deps),
  };
}

function create({
  clock,
  caFingerprint,
  agentPort,
}: EnrollmentTokenDeps): Mutation<CreateEnrollmentTokenRequest, CreateEnrollmentTokenResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    answersSecret: true,
    run: async (tx, caller, request) => {
      const maxUses = request.maxUses === 0 ? 1 : request.maxUses;
      if (maxUses > MOST_USES) {
        throw invalid([{ field: 'max_uses', description: `must be 1 to ${MOST_USES}` }]);
      }
      const group = request.groupId === '' ? ROOT_GROUP : await findGroup(tx, request.groupId);
      const ttl = durationWithin('ttl', request.ttl, MINUTE_MS, 365 * DAY_MS) ?? DAY_MS;
      const now = clock.wall();
      const wanted = {
        maxUses,
        expiresAt: now + ttl,
        groupId: group.id,
        createdBy: caller.operatorName,
      };
      const { row, secret } = await createEnrollmentToken(tx, wanted, now);
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'enrollment_token.create',
        details: {
          id: row.id,
          max_uses: maxUses,
          expires_at: new Date(wanted.expiresAt).toISOString(),
          group: (await loadGroups(tx)).path(group.id),
        },
        requestId: request.requestId,
      });
      return { enrollmentToken: enrollmentTokenMessage(row), secret, caFingerprint, agentPort };
    },
  };
}

function list({
  store,
}: EnrollmentTokenDeps): Query<ListEnrollmentTokensRequest, ListEnrollmentTokensResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (_caller, request) => {
      const size = pageSize(request);
      const before = pageStart('enrollment_tokens', request);
      // Ids are UUIDs of version 7: their order is the order in which the tokens were made.
      let query = store.read.selectFrom('enrollment_tokens').selectAll();
      if (before !== undefined) query = query.where('id', '<', before);
      const read = await query
        .orderBy('id', 'desc')
        .limit(size + 1)
        .execute();
      const { rows, nextPageToken } = page('enrollment_tokens', read, size, ({ id }) => id);
      return { enrollmentTokens: rows.map(enrollmentTokenMessage), nextPageToken };
    },
  };
}

function revoke({
  clock,
}: EnrollmentTokenDeps): Mutation<RevokeEnrollmentTokenRequest, RevokeEnrollmentTokenResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      requireId('id', request.id);
      const row = await revokeEnrollmentToken(tx, request.id);
      if (!row) throw notFound('enrolment token', request.id);
      await appendAudit(tx, {
        occurredAt: clock.wall(),
        actor: caller.operatorName,
        action: 'enrollment_token.revoke',
        details: { id: row.id },
        requestId: request.requestId,
      });
      return { enrollmentToken: enrollmentTokenMessage(row) };
    },
  };
}
