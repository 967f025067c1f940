import type { Selectable } from 'kysely';
import { ConnectionState, Device, HostFacts } from '../../shared/gen/cordon/v1/device.js';
import { IsolationDirective, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { ApiToken } from '../../shared/gen/cordon/v1/operator_service.js';
import { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import { EnrollmentToken } from '../../shared/gen/cordon/v1/device_service.js';
import { toTimestamp } from '../../shared/time.js';
import type { AuditRow } from '../store/audit.js';
import type { ApiTokensTable, EnrollmentTokensTable } from '../store/schema.js';
import type { DeviceRow } from './device-lookup.js';

/** What a device record shows beside its row. */
export interface DeviceExtras {
  readonly online: boolean;
  /** End of the certificate in use, milliseconds since 1970. */
  readonly certificateExpiresAt?: number | undefined;
  /** '' is the root group. */
  readonly groupPath: string;
}

const timestampOrNone = (ms: number | null | undefined): ReturnType<typeof toTimestamp> | undefined =>
  ms === null || ms === undefined ? undefined : toTimestamp(Number(ms));

export function deviceMessage(row: DeviceRow, extras: DeviceExtras): Device {
  return Device.fromPartial({
    id: row.id,
    name: row.name,
    groupId: row.group_id,
    groupPath: extras.groupPath,
    tags: JSON.parse(row.tags_json) as string[],
    facts: row.facts_proto ? HostFacts.decode(row.facts_proto) : undefined,
    agentVersion: row.agent_version,
    connection: extras.online
      ? ConnectionState.CONNECTION_STATE_ONLINE
      : ConnectionState.CONNECTION_STATE_OFFLINE,
    lastSeenAt: timestampOrNone(row.last_seen_at),
    enrolledAt: toTimestamp(Number(row.enrolled_at)),
    banned: row.banned !== 0,
    generation: BigInt(row.generation),
    observedGeneration: BigInt(row.observed_generation),
    directive: row.directive_proto ? IsolationDirective.decode(row.directive_proto) : undefined,
    observed: row.observed_proto ? ObservedIsolation.decode(row.observed_proto) : undefined,
    rejection: row.rejection,
    certificateExpiresAt: timestampOrNone(extras.certificateExpiresAt),
    cloneSuspected: row.clone_suspected !== 0,
    etag: String(row.version),
  });
}

export function enrollmentTokenMessage(row: Selectable<EnrollmentTokensTable>): EnrollmentToken {
  return EnrollmentToken.fromPartial({
    id: row.id,
    maxUses: row.max_uses,
    uses: row.uses,
    expiresAt: toTimestamp(Number(row.expires_at)),
    groupId: row.group_id,
    createdBy: row.created_by,
    createdAt: toTimestamp(Number(row.created_at)),
    revoked: row.revoked !== 0,
  });
}

export function apiTokenMessage(row: Selectable<ApiTokensTable>): ApiToken {
  return ApiToken.fromPartial({
    id: row.id,
    operatorName: row.operator_name,
    role: row.role,
    createdAt: toTimestamp(Number(row.created_at)),
    expiresAt: timestampOrNone(row.expires_at),
    revoked: row.revoked !== 0,
  });
}

export function auditMessage(row: AuditRow): AuditRecord {
  return AuditRecord.fromPartial({
    sequence: BigInt(row.sequence),
    occurredAt: toTimestamp(Number(row.occurred_at)),
    actor: row.actor,
    action: row.action,
    deviceId: row.device_id,
    reason: row.reason,
    detailsJson: row.details_json,
    previousHash: Buffer.from(row.previous_hash),
    hash: Buffer.from(row.hash),
    requestId: row.request_id,
  });
}
