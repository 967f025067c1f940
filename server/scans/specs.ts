import { CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import type { Reader, Tx } from '../store/store.js';
import { iocScanCommand, type ScanTaskRow } from './tasks.js';

/** Keeps what the runs of this version of a task do. Kept already: nothing is changed. */
export async function keepSpec(tx: Tx, row: ScanTaskRow): Promise<void> {
  const spec: CommandSpec = { work: { $case: 'iocScan', value: iocScanCommand(row) } };
  await tx
    .insertInto('ioc_scan_specs')
    .values({
      task_id: row.id,
      version: row.version,
      spec_proto: CommandSpec.encode(spec).finish(),
    })
    .onConflict((conflict) => conflict.columns(['task_id', 'version']).doNothing())
    .execute();
}

/** SHA-256, hex, of the documents that unfinished scans of a device name. */
export async function documentsOfDevice(db: Reader, deviceId: string): Promise<ReadonlySet<string>> {
  const specs = await unfinishedSpecs(db, deviceId);
  return new Set(specs.flatMap(({ documents }) => documents));
}

/** Ids of the tasks of which an unfinished run names the document. */
export async function scansWithDocument(db: Reader, hash: string): Promise<string[]> {
  const specs = (await unfinishedSpecs(db)).filter(({ documents }) => documents.includes(hash));
  return [...new Set(specs.map(({ taskId }) => taskId))];
}

/** What unfinished runs do, once for each version of a task: those of one device, or all. */
async function unfinishedSpecs(
  db: Reader,
  deviceId?: string,
): Promise<{ readonly taskId: string; readonly documents: readonly string[] }[]> {
  let query = db
    .selectFrom('commands')
    .select(['task_id', 'task_version'])
    .distinct()
    .where('finished_at', 'is', null)
    .where('task_id', '!=', '');
  if (deviceId !== undefined) query = query.where('device_id', '=', deviceId);
  const specs: { taskId: string; documents: string[] }[] = [];
  for (const { task_id: taskId, task_version: version } of await query.execute()) {
    const row = await db
      .selectFrom('ioc_scan_specs')
      .select('spec_proto')
      .where('task_id', '=', taskId)
      .where('version', '=', version)
      .executeTakeFirst();
    if (row) specs.push({ taskId, documents: documentsOf(row.spec_proto) });
  }
  return specs;
}

function documentsOf(specProto: Uint8Array): string[] {
  const { work } = CommandSpec.decode(specProto);
  return work?.$case === 'iocScan' ? work.value.documentHashes.map((hash) => hash.toString('hex')) : [];
}
