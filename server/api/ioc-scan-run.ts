import { invalid } from '../../shared/errors.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type {
  RunIocScanTaskRequest,
  RunIocScanTaskResponse,
} from '../../shared/gen/cordon/v1/task_service.js';
import { UNFINISHED_BOUND, countUnfinished } from '../commands/queue.js';
import { membersOf } from '../scans/members.js';
import { addRuns, openRuns } from '../scans/runs.js';
import { keepSpec } from '../scans/specs.js';
import { appendAudit } from '../store/audit.js';
import { MOST_DEVICES, findDevices } from './device-lookup.js';
import { findScanTask } from './ioc-scan-queries.js';
import type { IocScanDeps } from './ioc-scan-deps.js';
import type { Mutation } from './rpc.js';

/** A device that is off may start that much later, milliseconds. */
const START_WITHIN_MS = 24 * 3_600_000;

/** `RunIocScanTask`: one run at once, beside those that are planned. */
export function runScanTask(deps: IocScanDeps): Mutation<RunIocScanTaskRequest, RunIocScanTaskResponse> {
  const changed = new WeakMap<RunIocScanTaskRequest, readonly string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const row = await findScanTask(tx, request.id, 'id');
      const now = deps.clock.wall();
      const named = (await findDevices(tx, request.devices)).map(({ id }) => id);
      const ids = named.length > 0 ? named : undefined;
      // Whoever is named must be one that the task is for, whatever was planned there.
      const members = await membersOf(tx, row, deps.isOnline, { ids, planned: new Set() });
      requireMembers(request.devices, named, members);
      const wanted = ids ?? [...members.keys()];
      if (wanted.length > MOST_DEVICES) {
        const description = `the task is for ${wanted.length} devices; name at most ${MOST_DEVICES} of them`;
        throw invalid([{ field: 'devices', description }]);
      }
      const runs = await openRuns(tx, row.id, wanted);
      const counts = await countUnfinished(tx, wanted);
      const free = wanted.filter((id) => {
        const isUnderWay = runs
          .get(id)
          ?.some(({ begun, notBefore }) => begun || notBefore === null || notBefore <= now);
        return !isUnderWay && (counts.get(id) ?? 0) < UNFINISHED_BOUND;
      });
      if (free.length > 0) await keepSpec(tx, row);
      const run = { requestedBy: caller.operatorName, notBefore: null, expiresAt: now + START_WITHIN_MS };
      const commandIds = await addRuns(
        tx,
        row,
        free.map((deviceId) => ({ ...run, deviceId })),
        now,
      );
      const skippedDevices = wanted.length - free.length;
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'ioc_scan_task.run',
        ...(wanted.length === 1 ? { deviceId: wanted[0] ?? '' } : {}),
        details: { id: row.id, name: row.name, devices: free.length, skipped: skippedDevices },
        requestId: request.requestId,
      });
      changed.set(request, free);
      return { commandIds, skippedDevices };
    },
    committed: (request) => deps.commandsChanged(changed.get(request) ?? []),
  };
}

/** @throws CordonError INVALID_FIELD with every device that the task is not for */
function requireMembers(
  refs: readonly string[],
  ids: readonly string[],
  members: ReadonlyMap<string, unknown>,
): void {
  const strangers = ids.flatMap((id, index) =>
    members.has(id)
      ? []
      : [{ field: `devices[${index}]`, description: `the task is not for ${refs[index] ?? id}` }],
  );
  if (strangers.length > 0) throw invalid(strangers);
}
