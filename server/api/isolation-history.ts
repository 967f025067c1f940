import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError, invalid } from '../../shared/errors.js';
import {
  Isolation,
  IsolationEvidence,
  IsolationMode,
  type IsolationSettings,
} from '../../shared/gen/cordon/v1/isolation.js';
import type {
  GetIsolationRequest,
  GetIsolationResponse,
  ListIsolationsRequest,
  ListIsolationsResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { RELEASE_DELAY, toDuration, toTimestamp } from '../../shared/time.js';
import type { SettingsReader } from '../desired/settings.js';
import type { IsolationsTable } from '../store/schema.js';
import type { Reader } from '../store/store.js';
import { findDevice } from './device-lookup.js';
import { page, pageSize, pageStart } from './page.js';
import type { Query } from './rpc.js';
import { notFound } from './validate.js';

/** A page ends early rather than pass this: exclusions take up to 1.5 MiB each time, and clients take 4 MiB. */
const LARGEST_ANSWER = 2 * 1024 * 1024;

export interface HistoryDeps {
  readonly db: Reader;
  readonly settings: SettingsReader;
}

/** With the name of the device, which is null after its removal. */
type HistoryRow = Selectable<IsolationsTable> & { readonly device_name: string | null };

export function getIsolation({
  db,
  settings,
}: HistoryDeps): Query<GetIsolationRequest, GetIsolationResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, { id }) => {
      if (id === '') throw invalid([{ field: 'id', description: 'must be the id of an isolation' }]);
      const row = await history(db).where('isolations.id', '=', id).executeTakeFirst();
      if (!row) throw notFound('isolation', id);
      return { isolation: await isolationMessage(row, db, settings) };
    },
  };
}

export function listIsolations({
  db,
  settings,
}: HistoryDeps): Query<ListIsolationsRequest, ListIsolationsResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const size = pageSize(request);
      const start = pageStart('isolations', request);
      let query = history(db)
        .orderBy('isolations.id', 'desc')
        .limit(size + 1);
      if (request.device !== '') {
        query = query.where('isolations.device_id', '=', await deviceId(db, request.device));
      }
      if (request.activeOnly) query = query.where('isolations.ended_at', 'is', null);
      if (start !== undefined) query = query.where('isolations.id', '<', start);
      const read = await query.execute();

      const isolations: Isolation[] = [];
      let bytes = 0;
      for (const row of read.slice(0, size)) {
        const isolation = await isolationMessage(row, db, settings);
        bytes += Isolation.encode(isolation).finish().length;
        if (bytes > LARGEST_ANSWER && isolations.length > 0) break;
        isolations.push(isolation);
      }
      const { nextPageToken } = page('isolations', read, isolations.length, ({ id }) => id);
      return { isolations, nextPageToken };
    },
  };
}

function history(db: Reader) {
  return db
    .selectFrom('isolations')
    .leftJoin('devices', 'devices.id', 'isolations.device_id')
    .selectAll('isolations')
    .select('devices.name as device_name');
}

/** A removed device has no name any more; its history is found by its id. */
async function deviceId(db: Reader, ref: string): Promise<string> {
  try {
    return (await findDevice(db, ref)).id;
  } catch (error) {
    if (!(error instanceof CordonError) || error.code !== status.NOT_FOUND) throw error;
    const past = await db
      .selectFrom('isolations')
      .select('device_id')
      .where('device_id', '=', ref)
      .executeTakeFirst();
    if (!past) throw error;
    return past.device_id;
  }
}

async function isolationMessage(
  row: HistoryRow,
  db: Reader,
  settingsReader: SettingsReader,
): Promise<Isolation> {
  const used = await settingsReader.read(db, row.settings_hash);
  const manual = (row.mode as IsolationMode) === IsolationMode.ISOLATION_MODE_MANUAL;
  const settings = manual ? used.manualSettings : used.automaticSettings;
  const at = (ms: number | null): ReturnType<typeof toTimestamp> | undefined =>
    ms === null ? undefined : toTimestamp(Number(ms));
  return Isolation.fromPartial({
    id: row.id,
    deviceId: row.device_id,
    deviceName: row.device_name ?? '',
    mode: row.mode,
    requestedBy: row.requested_by,
    reason: row.reason,
    issuedAt: at(row.issued_at),
    deliveredAt: at(row.delivered_at),
    enforcedAt: at(row.enforced_at),
    verifiedAt: at(row.verified_at),
    endedAt: at(row.ended_at),
    endCause: row.end_cause,
    releasedBy: row.released_by,
    releaseReason: row.release_reason,
    exclusions: settings?.exclusions ?? [],
    evidence: row.evidence_proto ? IsolationEvidence.decode(row.evidence_proto) : undefined,
    releaseDelay: releaseDelay(row, settings),
    until: row.ended_at === null ? at(row.until_at) : undefined,
  });
}

/** The order's own delay, else that of its settings; absent where both are unknown. */
function releaseDelay(
  { release_delay_ms: own }: HistoryRow,
  settings: IsolationSettings | undefined,
): Isolation['releaseDelay'] {
  if (own !== null) return toDuration(Number(own));
  return settings && (settings.releaseDelay ?? toDuration(RELEASE_DELAY.defaultMs));
}
