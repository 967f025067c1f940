import { invalid } from '../../shared/errors.js';
import { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import type {
  ListAuditRecordsRequest,
  ListAuditRecordsResponse,
  VerifyAuditChainRequest,
  VerifyAuditChainResponse,
} from '../../shared/gen/cordon/v1/audit_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { verifyAuditChain } from '../store/audit.js';
import type { Store } from '../store/store.js';
import { findDeviceId } from './device-lookup.js';
import type { Handlers } from './handlers.js';
import { auditMessage } from './messages.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Query } from './rpc.js';

export function auditService(deps: { readonly store: Store }): Handlers {
  return { listAuditRecords: list(deps.store), verifyAuditChain: verify(deps.store) };
}

function list(store: Store): Query<ListAuditRecordsRequest, ListAuditRecordsResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const size = pageSize(request);
      const before = pageStart('audit', request);
      let query = store.read.selectFrom('audit').selectAll();
      if (before !== undefined) query = query.where('sequence', '<', sequenceOf(before));
      if (request.action !== '') query = query.where('action', '=', request.action);
      if (request.device !== '') {
        query = query.where('device_id', '=', await findDeviceId(store.read, request.device));
      }
      const read = await query
        .orderBy('sequence', 'desc')
        .limit(size + 1)
        .execute();
      const fitting = sizeThatFits(
        read,
        size,
        (row) => AuditRecord.encode(auditMessage(row)).finish().length,
      );
      const { rows, nextPageToken } = page('audit', read, fitting, ({ sequence }) => sequence);
      return { records: rows.map(auditMessage), nextPageToken };
    },
  };
}

function sequenceOf(text: string): number {
  const sequence = Number(text);
  if (Number.isSafeInteger(sequence)) return sequence;
  throw invalid([{ field: 'page_token', description: 'must be the next_page_token of the answer before' }]);
}

function verify(store: Store): Query<VerifyAuditChainRequest, VerifyAuditChainResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async () => {
      const { checked, firstBrokenSequence } = await verifyAuditChain(store.read);
      return { checked: BigInt(checked), firstBrokenSequence: BigInt(firstBrokenSequence) };
    },
  };
}
