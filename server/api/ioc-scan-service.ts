import { status } from '@grpc/grpc-js';
import { CordonError, invalid } from '../../shared/errors.js';
import type { DeviceFilter } from '../../shared/gen/cordon/v1/device.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { IocScanTask, type TaskScope } from '../../shared/gen/cordon/v1/task.js';
import type {
  CreateIocScanTaskRequest,
  CreateIocScanTaskResponse,
  DeleteIocScanTaskRequest,
  DeleteIocScanTaskResponse,
  UpdateIocScanTaskRequest,
  UpdateIocScanTaskResponse,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import { withdrawAll } from '../scans/runs.js';
import { decodeTask, startsOf, type ScanTaskRow } from '../scans/tasks.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { readFilter } from './device-filter.js';
import { findDevice } from './device-lookup.js';
import { requireEtag } from './etag.js';
import { findGroup, publicGroupId } from './group-lookup.js';
import type { Handlers } from './handlers.js';
import type { IocScanDeps } from './ioc-scan-deps.js';
import { eachOnce, requireDocuments, scanHints } from './ioc-scan-documents.js';
import { SCAN_TASK, checkScanTask } from './ioc-scan-input.js';
import { SCAN_PATHS, updatedScanTask } from './ioc-scan-paths.js';
import { findScanTask, getScanTask, listScanTasks, scanTaskMessage } from './ioc-scan-queries.js';
import { runScanTask } from './ioc-scan-run.js';
import type { Caller, Mutation } from './rpc.js';
import { requireMask } from './update-mask.js';

/** Most IOC scan tasks of one server: the planner looks through all of them. */
const MOST_TASKS = 1000;

/** The calls of TaskService about IOC scan tasks. */
export function iocScanHandlers(deps: IocScanDeps): Handlers {
  return {
    getIocScanTask: getScanTask(deps),
    listIocScanTasks: listScanTasks(deps),
    createIocScanTask: createScanTask(deps),
    updateIocScanTask: updateScanTask(deps),
    deleteIocScanTask: deleteScanTask(deps),
    runIocScanTask: runScanTask(deps),
  };
}

function createScanTask(deps: IocScanDeps): Mutation<CreateIocScanTaskRequest, CreateIocScanTaskResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, { iocScanTask: asked, requestId }) => {
      if (!asked) throw invalid([{ field: SCAN_TASK, description: 'must be given' }]);
      const now = deps.clock.wall();
      checkScanTask(asked, now, true);
      await requireRoom(tx);
      await requireFreeName(tx, asked.displayName);
      const id = newId();
      const times = { scheduled_at: now, changed_at: now, to_plan: 1, version: 1 };
      const { content, scope, hints } = await complete(deps, tx, asked);
      const row: ScanTaskRow = {
        id,
        name: asked.displayName,
        ...scope,
        ...times,
        task_proto: encode(content),
      };
      await tx.insertInto('ioc_scan_tasks').values(row).execute();
      await audit(deps, tx, { caller, action: 'create', row, requestId });
      return { iocScanTask: await scanTaskMessage(tx, row, now), hints };
    },
    committed: () => deps.scanTaskChanged(),
  };
}

function updateScanTask(deps: IocScanDeps): Mutation<UpdateIocScanTaskRequest, UpdateIocScanTaskResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const { iocScanTask: asked, requestId } = request;
      if (!asked) throw invalid([{ field: SCAN_TASK, description: 'must be given' }]);
      const mask = requireMask(request.updateMask, SCAN_PATHS);
      const now = deps.clock.wall();
      const before = await findScanTask(tx, asked.id, `${SCAN_TASK}.id`);
      requireEtag(before, asked.etag, `the IOC scan task "${before.name}"`);
      const shown = await scanTaskMessage(tx, before, now);
      const wanted = updatedScanTask(shown, asked, mask);
      checkScanTask(wanted, now, mask.has('start_at'));
      if (wanted.displayName !== before.name) await requireFreeName(tx, wanted.displayName);
      const { content, scope, hints } = await complete(deps, tx, wanted);
      const changed = { ...before, name: wanted.displayName, ...scope, task_proto: encode(content) };
      const row: ScanTaskRow = {
        ...changed,
        scheduled_at: startsOf(changed).sameTimes(startsOf(before)) ? before.scheduled_at : now,
        changed_at: now,
        to_plan: 1,
        version: Number(before.version) + 1,
      };
      await tx.updateTable('ioc_scan_tasks').set(row).where('id', '=', row.id).execute();
      await audit(deps, tx, { caller, action: 'update', row, requestId, fields: [...mask] });
      return { iocScanTask: await scanTaskMessage(tx, row, now), hints };
    },
    committed: () => deps.scanTaskChanged(),
  };
}

function deleteScanTask(deps: IocScanDeps): Mutation<DeleteIocScanTaskRequest, DeleteIocScanTaskResponse> {
  const changed = new WeakMap<DeleteIocScanTaskRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const row = await findScanTask(tx, request.id, 'id');
      requireEtag(row, request.etag, `the IOC scan task "${row.name}"`);
      await tx.deleteFrom('ioc_scan_tasks').where('id', '=', row.id).execute();
      await tx.deleteFrom('ioc_scan_plans').where('task_id', '=', row.id).execute();
      changed.set(request, await withdrawAll(tx, row.id));
      await audit(deps, tx, { caller, action: 'delete', row, requestId: request.requestId });
      return {};
    },
    committed: (request) => deps.commandsChanged(changed.get(request) ?? []),
  };
}

/** What a task refers to, looked up, and the task as it is stored. */
async function complete(
  { isOnline }: IocScanDeps,
  tx: Tx,
  task: IocScanTask,
): Promise<{
  readonly content: IocScanTask;
  readonly scope: Pick<ScanTaskRow, 'scope_kind' | 'scope_id'>;
  readonly hints: string[];
}> {
  const { target, ...scope } = await findScope(tx, task.scope, isOnline);
  const documentHashes = eachOnce(task.documentHashes);
  const documents = await requireDocuments(tx, documentHashes);
  const content: IocScanTask = {
    ...task,
    documentHashes,
    schedule: task.schedule.trim().split(/\s+/).join(' '),
    scope: target && { target },
    // In columns, or made for each answer.
    ...{ id: '', displayName: '', etag: '', scopeName: '', status: undefined },
  };
  const repeated = task.documentHashes.length - documentHashes.length;
  return { content, scope, hints: scanHints(content, documents, repeated) };
}

type FoundScope = Pick<ScanTaskRow, 'scope_kind' | 'scope_id'> & {
  /** What is stored beside the columns. */
  readonly target?: TaskScope['target'];
};

async function findScope(
  tx: Tx,
  scope: TaskScope | undefined,
  isOnline: (deviceId: string) => boolean,
): Promise<FoundScope> {
  const target = scope?.target;
  const path = `${SCAN_TASK}.scope`;
  switch (target?.$case) {
    case undefined: {
      const description = 'must name the device, the group or the conditions that the task is for';
      throw invalid([{ field: path, description }]);
    }
    case 'deviceId':
      return {
        scope_kind: 'device',
        scope_id: (await findDevice(tx, target.value, `${path}.device_id`)).id,
      };
    case 'groupId':
      return { scope_kind: 'group', scope_id: (await findGroup(tx, target.value, `${path}.group_id`)).id };
    case 'filter': {
      await readFilter(tx, target.value, isOnline, `${path}.filter`);
      // By its id: a path may mean another group tomorrow.
      const group = target.value.groupId === '' ? undefined : await findGroup(tx, target.value.groupId);
      const filter: DeviceFilter = { ...target.value, groupId: group ? publicGroupId(group.id) : '' };
      return {
        scope_kind: 'filter',
        scope_id: group?.id ?? '',
        target: { $case: 'filter', value: filter },
      };
    }
  }
}

async function requireFreeName(tx: Tx, name: string): Promise<void> {
  const other = await tx
    .selectFrom('ioc_scan_tasks')
    .select('id')
    .where('name', '=', name)
    .executeTakeFirst();
  if (!other) return;
  throw new CordonError(
    status.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_ALREADY_EXISTS,
    `there is an IOC scan task "${name}" already (${other.id}); choose another name`,
  );
}

async function requireRoom(tx: Tx): Promise<void> {
  const { count } = await tx
    .selectFrom('ioc_scan_tasks')
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) < MOST_TASKS) return;
  throw new CordonError(
    status.RESOURCE_EXHAUSTED,
    ErrorReason.ERROR_REASON_QUEUE_FULL,
    `there are ${MOST_TASKS} IOC scan tasks, which is the limit; delete some`,
  );
}

interface ScanTaskChange {
  readonly caller: Caller;
  readonly action: 'create' | 'update' | 'delete';
  readonly row: ScanTaskRow;
  readonly requestId: string;
  /** Paths of the update mask. */
  readonly fields?: readonly string[];
}

function audit({ clock }: IocScanDeps, tx: Tx, change: ScanTaskChange): Promise<void> {
  const { caller, action, row, requestId, fields } = change;
  return appendAudit(tx, {
    occurredAt: clock.wall(),
    actor: caller.operatorName,
    action: `ioc_scan_task.${action}`,
    ...(row.scope_kind === 'device' ? { deviceId: row.scope_id } : {}),
    details: {
      id: row.id,
      name: row.name,
      scope: row.scope_kind,
      documents: decodeTask(row).documentHashes.length,
      ...(fields ? { fields } : {}),
    },
    requestId,
  });
}

function encode(task: IocScanTask): Buffer {
  return Buffer.from(IocScanTask.encode(task).finish());
}
