import { sql } from 'kysely';
import { invalid } from '../../shared/errors.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { IocScanTask, TaskScope } from '../../shared/gen/cordon/v1/task.js';
import type {
  GetIocScanTaskRequest,
  GetIocScanTaskResponse,
  ListIocScanTasksRequest,
  ListIocScanTasksResponse,
} from '../../shared/gen/cordon/v1/task_service.js';
import { scanStatus } from '../scans/status.js';
import { decodeTask, type ScanTaskRow } from '../scans/tasks.js';
import type { Reader } from '../store/store.js';
import { etagOf } from './etag.js';
import { publicGroupId } from './group-lookup.js';
import type { IocScanDeps } from './ioc-scan-deps.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Query } from './rpc.js';
import { scopeName } from './task-queries.js';
import { notFound } from './validate.js';

/**
 * A task by id or name. An id goes before a name: a name never hides another task.
 * @param field where it stands in the request, for the error
 * @throws CordonError INVALID_FIELD if `ref` is empty, NOT_FOUND
 */
export async function findScanTask(db: Reader, ref: string, field: string): Promise<ScanTaskRow> {
  if (ref === '') throw invalid([{ field, description: 'must be the id or the name of an IOC scan task' }]);
  const rows = await db
    .selectFrom('ioc_scan_tasks')
    .selectAll()
    .where((match) => match.or([match('id', '=', ref), match('name', '=', ref)]))
    .execute();
  const row = rows.find(({ id }) => id === ref) ?? rows[0];
  if (!row) throw notFound('IOC scan task', ref, 'id or name');
  return row;
}

/** The contract's view of a task, with how its runs stand. */
export async function scanTaskMessage(db: Reader, row: ScanTaskRow, now: number): Promise<IocScanTask> {
  const task = decodeTask(row);
  return {
    ...task,
    id: row.id,
    displayName: row.name,
    scope: { target: targetOf(row, task) },
    etag: etagOf(row),
    scopeName: await scopeName(db, row),
    status: await scanStatus(db, row.id, now),
  };
}

function targetOf(row: ScanTaskRow, task: IocScanTask): TaskScope['target'] {
  switch (row.scope_kind) {
    case 'device':
      return { $case: 'deviceId', value: row.scope_id };
    case 'group':
      return { $case: 'groupId', value: publicGroupId(row.scope_id) };
    default:
      return task.scope?.target;
  }
}

export function getScanTask({
  store,
  clock,
}: IocScanDeps): Query<GetIocScanTaskRequest, GetIocScanTaskResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const row = await findScanTask(store.read, request.id, 'id');
      return { iocScanTask: await scanTaskMessage(store.read, row, clock.wall()) };
    },
  };
}

export function listScanTasks({
  store,
  clock,
}: IocScanDeps): Query<ListIocScanTasksRequest, ListIocScanTasksResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const { read } = store;
      const most = pageSize(request);
      const after = pageStart('ioc_scan_tasks', request);
      let query = read
        .selectFrom('ioc_scan_tasks')
        .select(['id', 'name', sql<number>`length(task_proto)`.as('bytes')])
        .orderBy('name')
        .limit(most + 1);
      if (after !== undefined) query = query.where('name', '>', after);
      const found = await query.execute();
      const size = sizeThatFits(found, most, ({ bytes }) => Number(bytes));
      const { rows, nextPageToken } = page('ioc_scan_tasks', found, size, ({ name }) => name);
      const iocScanTasks: IocScanTask[] = [];
      for (const { id } of rows) {
        const row = await read
          .selectFrom('ioc_scan_tasks')
          .selectAll()
          .where('id', '=', id)
          .executeTakeFirst();
        // Removed since.
        if (row) iocScanTasks.push(await scanTaskMessage(read, row, clock.wall()));
      }
      return { iocScanTasks, nextPageToken };
    },
  };
}
