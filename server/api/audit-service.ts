import { CordonError, invalid } from '../../shared/errors.js';
import { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import type {
  ListAuditRecordsRequest,
  ListAuditRecordsResponse,
  VerifyAuditChainRequest,
  VerifyAuditChainResponse,
} from '../../shared/gen/cordon/v1/audit_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { isId } from '../../shared/ids.js';
import { verifyAuditChain } from '../store/audit.js';
import type { Reader, Store } from '../store/store.js';
import { findDevice } from './device-lookup.js';
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
        query = query.where('device_id', '=', await deviceId(store.read, request.device));
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

/** Records outlive their device: the id of a removed one still finds them. */
async function deviceId(db: Reader, ref: string): Promise<string> {
  try {
    return (await findDevice(db, ref)).id;
  } catch (error) {
    const gone =
      error instanceof CordonError && error.reason === ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND && isId(ref);
    if (gone) return ref;
    throw error;
  }
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
