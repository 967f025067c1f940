import { hash } from 'node:crypto';
import type { Selectable } from 'kysely';
import { inChunks } from './chunks.js';
import type { Reader, Tx } from './group-commit.js';
import type { AuditTable } from './schema.js';

export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly occurredAt: number;
  /** Operator name, `device:<id>` or `server`. */
  readonly actor: string;
  /** Stable name, for example `isolation.isolate`. */
  readonly action: string;
  readonly deviceId?: string;
  readonly reason?: string;
  /** Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}

export type AuditRow = Selectable<AuditTable>;

const NO_HASH = Buffer.alloc(32);

/** Number of the newest record; 0: there is none. */
export async function lastSequence(db: Reader | Tx): Promise<number> {
  const row = await db
    .selectFrom('audit')
    .select('sequence')
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  return Number(row?.sequence ?? 0);
}

/** Adds one record to the chain, in the transaction of the change that it is about. */
export function appendAudit(tx: Tx, entry: AuditEntry): Promise<void> {
  return appendAudits(tx, [entry]);
}

/** Adds records to the chain, in the transaction of the change that they are about. */
export async function appendAudits(tx: Tx, entries: readonly AuditEntry[]): Promise<void> {
  const last = await tx
    .selectFrom('audit')
    .select(['sequence', 'hash'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  let sequence = Number(last?.sequence ?? 0);
  let previous: Buffer = last ? Buffer.from(last.hash) : NO_HASH;
  const rows = entries.map((entry): AuditRow => {
    const row = {
      sequence: ++sequence,
      occurred_at: entry.occurredAt,
      actor: entry.actor,
      action: entry.action,
      device_id: entry.deviceId ?? '',
      reason: entry.reason ?? '',
      details_json: JSON.stringify(entry.details ?? {}),
      request_id: entry.requestId ?? '',
      previous_hash: previous,
    };
    previous = auditHash(row);
    return { ...row, hash: previous };
  });
  for (const chunk of inChunks(rows))
    await tx
      .insertInto('audit')
      .values([...chunk])
      .execute();
}

/** SHA-256 over the JSON array of the record's fields in the order below, previous hash in hex (docs/protocol.md). */
function auditHash(row: Omit<AuditRow, 'hash'>): Buffer {
  const fields = [
    Number(row.sequence),
    Number(row.occurred_at),
    row.actor,
    row.action,
    row.device_id,
    row.reason,
    row.details_json,
    row.request_id,
    Buffer.from(row.previous_hash).toString('hex'),
  ];
  return hash('sha256', JSON.stringify(fields), 'buffer');
}

export interface ChainCheck {
  readonly checked: number;
  /** 0: the chain is whole. */
  readonly firstBrokenSequence: number;
}

/** Recomputes the chain page by page. */
export async function verifyAuditChain(db: Reader): Promise<ChainCheck> {
  const pageSize = 1000;
  let previous = { sequence: 0, hash: NO_HASH };
  for (;;) {
    const page = await db
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', previous.sequence)
      .orderBy('sequence')
      .limit(pageSize)
      .execute();
    for (const row of page) {
      const fits =
        Number(row.sequence) === previous.sequence + 1 &&
        previous.hash.equals(row.previous_hash) &&
        auditHash(row).equals(row.hash);
      if (!fits) return { checked: previous.sequence, firstBrokenSequence: previous.sequence + 1 };
      previous = { sequence: Number(row.sequence), hash: Buffer.from(row.hash) };
    }
    if (page.length < pageSize) return { checked: previous.sequence, firstBrokenSequence: 0 };
  }
}
