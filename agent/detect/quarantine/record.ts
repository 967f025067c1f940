import type { BigIntStats } from 'node:fs';
import { z } from 'zod';
import type { QuarantinedFile } from '../../../shared/gen/cordon/v1/command.js';
import { toTimestamp } from '../../../shared/time.js';

const schema = z.object({
  format: z.literal(1),
  id: z.uuid(),
  path: z.string(),
  reason: z.string(),
  bytes: z.number().int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Wall clock, milliseconds since 1970. */
  quarantinedAtMs: z.number(),
  /** Permission bits, owner and group; they mean nothing on Windows. */
  mode: z.number().int(),
  uid: z.number().int(),
  gid: z.number().int(),
  /** Milliseconds since 1970. */
  accessedAtMs: z.number(),
  modifiedAtMs: z.number(),
  /** Which file it was, so that after a crash another one is not taken for it. */
  device: z.string(),
  inode: z.string(),
});

/** What is known of a file in quarantine: enough to put it back as it was. */
export type QuarantineRecord = z.infer<typeof schema>;

/** Undefined: it is not one of ours, or is damaged. */
export function parseRecord(text: string): QuarantineRecord | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What the file system says about a file, in the form of a record. */
export function factsOf(
  stat: BigIntStats,
): Pick<QuarantineRecord, 'mode' | 'uid' | 'gid' | 'accessedAtMs' | 'modifiedAtMs' | 'device' | 'inode'> {
  return {
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    accessedAtMs: Number(stat.atimeNs) / 1e6,
    modifiedAtMs: Number(stat.mtimeNs) / 1e6,
    device: stat.dev.toString(),
    inode: stat.ino.toString(),
  };
}

/** The number of a file may be given to another one as soon as it is gone: what it holds must not have changed either. */
export function isSameFile(record: QuarantineRecord, stat: BigIntStats): boolean {
  const { device, inode, modifiedAtMs } = factsOf(stat);
  return (
    device === record.device &&
    inode === record.inode &&
    modifiedAtMs === record.modifiedAtMs &&
    stat.size === BigInt(record.bytes)
  );
}

/** In the words of the contract. */
export function toQuarantinedFile(record: QuarantineRecord): QuarantinedFile {
  return {
    id: record.id,
    path: record.path,
    sizeBytes: BigInt(record.bytes),
    sha256: Buffer.from(record.sha256, 'hex'),
    quarantinedAt: toTimestamp(record.quarantinedAtMs),
    reason: record.reason,
  };
}
