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
  const rows = await unfinishedSpecs(db)
    .select('ioc_scan_specs.spec_proto')
    .where('commands.device_id', '=', deviceId)
    .execute();
  return new Set(rows.flatMap(({ spec_proto: spec }) => documentsOf(spec)));
}

/** Ids of the tasks of which an unfinished run names the document; in the version of the run. */
export async function scansWithDocument(db: Reader, hash: string): Promise<string[]> {
  const rows = await unfinishedSpecs(db).select(['ioc_scan_specs.task_id', 'ioc_scan_specs.spec_proto']).execute();
  const named = rows.filter(({ spec_proto: spec }) => documentsOf(spec).includes(hash));
  return [...new Set(named.map(({ task_id: id }) => id))];
}

function unfinishedSpecs(db: Reader) {
  return db
    .selectFrom('commands')
    .innerJoin('ioc_scan_specs', (join) =>
      join
        .onRef('ioc_scan_specs.task_id', '=', 'commands.task_id')
        .onRef('ioc_scan_specs.version', '=', 'commands.task_version'),
    )
    .distinct()
    .where('commands.finished_at', 'is', null);
}

function documentsOf(specProto: Uint8Array): string[] {
  const { work } = CommandSpec.decode(specProto);
  return work?.$case === 'iocScan' ? work.value.documentHashes.map((hash) => hash.toString('hex')) : [];
}
