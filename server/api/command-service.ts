import { status } from '@grpc/grpc-js';
import { sql } from 'kysely';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid } from '../../shared/errors.js';
import type {
  CancelCommandRequest,
  CancelCommandResponse,
  CreateCommandRequest,
  CreateCommandResponse,
  GetCommandRequest,
  GetCommandResponse,
  ListCommandsRequest,
  ListCommandsResponse,
  PauseCommandRequest,
  PauseCommandResponse,
  ResumeCommandRequest,
  ResumeCommandResponse,
} from '../../shared/gen/cordon/v1/command_service.js';
import { CommandState, type Command, type CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { commandMessage, isFinal, selectCommands, type CommandRow } from '../commands/command-rows.js';
import { setPause } from '../commands/pauses.js';
import { cancel, enqueue } from '../commands/queue.js';
import { findScanTask } from './ioc-scan-queries.js';
import { appendAudit } from '../store/audit.js';
import { inChunks } from '../store/chunks.js';
import type { Reader, Tx } from '../store/store.js';
import { findDevice } from './device-lookup.js';
import type { Handlers } from './handlers.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Mutation, Query } from './rpc.js';
import { durationWithin, notFound, requireId } from './validate.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export interface CommandServiceDeps {
  readonly db: Reader;
  readonly clock: Clock;
  /** The queue of this device has changed. */
  readonly changed: (deviceId: string) => void;
}

export function commandService(deps: CommandServiceDeps): Handlers {
  const createCommand: Mutation<CreateCommandRequest, CreateCommandResponse> = {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const spec = runnable(request.spec);
      const expiresInMs = durationWithin('expires_in', request.expiresIn, MINUTE, 7 * 24 * HOUR) ?? HOUR;
      const runTimeoutMs = durationWithin('run_timeout', request.runTimeout, 1_000, 24 * HOUR) ?? 5 * MINUTE;
      const device = await findDevice(tx, request.device);
      const now = deps.clock.wall();
      const row = await enqueue(tx, {
        deviceId: device.id,
        spec,
        requestedBy: caller.operatorName,
        now,
        expiresInMs,
        runTimeoutMs,
      });
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'command.create',
        deviceId: device.id,
        requestId: request.requestId,
        details: { command_id: row.id, work: spec.work?.$case, device_name: device.name },
      });
      return { command: commandMessage(row) };
    },
    committed: (_request, { command }) => {
      if (command) deps.changed(command.deviceId);
    },
  };

  const cancelCommand: Mutation<CancelCommandRequest, CancelCommandResponse> = {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const row = await loadCommand(tx, request.id);
      requireUnfinished(row);
      const now = deps.clock.wall();
      await cancel(tx, row, now);
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'command.cancel',
        deviceId: row.device_id,
        requestId: request.requestId,
        details: { command_id: row.id },
      });
      return { command: commandMessage(await loadCommand(tx, row.id)) };
    },
    committed: (_request, { command }) => {
      if (command) deps.changed(command.deviceId);
    },
  };

  /** Both are about what is wanted of the device; the state follows when the device agrees. */
  const pausing = <
    Request extends PauseCommandRequest | ResumeCommandRequest,
    Response extends PauseCommandResponse | ResumeCommandResponse,
  >(
    wanted: boolean,
  ): Mutation<Request, Response> => ({
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const row = await loadCommand(tx, request.id);
      requireUnfinished(row);
      requirePausable(row, wanted);
      await setPause(tx, row.id, wanted);
      await appendAudit(tx, {
        occurredAt: deps.clock.wall(),
        actor: caller.operatorName,
        action: wanted ? 'command.pause' : 'command.resume',
        deviceId: row.device_id,
        requestId: request.requestId,
        details: { command_id: row.id },
      });
      return { command: commandMessage(await loadCommand(tx, row.id)) } as Response;
    },
    committed: (_request, { command }) => {
      if (command) deps.changed(command.deviceId);
    },
  });

  const getCommand: Query<GetCommandRequest, GetCommandResponse> = {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => ({ command: commandMessage(await loadCommand(deps.db, request.id)) }),
  };

  const listCommands: Query<ListCommandsRequest, ListCommandsResponse> = {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const size = pageSize(request);
      const start = pageStart('commands', request);
      let query = deps.db
        .selectFrom('commands')
        .leftJoin('ioc_scan_specs', (join) =>
          join
            .onRef('ioc_scan_specs.task_id', '=', 'commands.task_id')
            .onRef('ioc_scan_specs.version', '=', 'commands.task_version'),
        )
        .select(['commands.id as id', BYTES.as('bytes')])
        .orderBy('commands.id', 'desc')
        .limit(size + 1);
      if (request.device !== '') {
        query = query.where('commands.device_id', '=', (await findDevice(deps.db, request.device)).id);
      }
      if (request.task !== '') {
        query = query.where('commands.task_id', '=', (await findScanTask(deps.db, request.task, 'task')).id);
      }
      if (start !== undefined) query = query.where('commands.id', '<', start);
      const found = await query.execute();
      const fitting = sizeThatFits(found, size, ({ bytes }) => Number(bytes) + REST_OF_COMMAND);
      const { rows, nextPageToken } = page('commands', found, fitting, ({ id }) => id);
      return { commands: await readCommands(deps.db, rows), nextPageToken };
    },
  };

  return {
    createCommand,
    cancelCommand,
    getCommand,
    listCommands,
    pauseCommand: pausing<PauseCommandRequest, PauseCommandResponse>(true),
    resumeCommand: pausing<ResumeCommandRequest, ResumeCommandResponse>(false),
  };
}

/** @throws CordonError INVALID_FIELD for work that is not made by this call, or not in order */
function runnable(spec: CommandSpec | undefined): CommandSpec {
  switch (spec?.work?.$case) {
    case 'selfTest':
    case 'collectConnections':
      return spec;
    case 'listQuarantine':
      return spec;
    case 'restoreQuarantined':
      requireId('spec.restore_quarantined.quarantine_id', spec.work.value.quarantineId);
      return spec;
    case 'iocScan': {
      const description = 'is made by RunIocScanTask, or by the schedule of an IOC scan task';
      throw invalid([{ field: 'spec.ioc_scan', description }]);
    }
    case undefined:
      throw invalid([{ field: 'spec.work', description: 'must say what to do' }]);
  }
}

/** @throws CordonError FAILED_PRECONDITION */
function requireUnfinished(row: CommandRow): void {
  if (isFinal(row.state)) throw precondition(`command ${row.id} has already ended`);
}

/** @throws CordonError FAILED_PRECONDITION for work of moments, and for one that goes on already */
function requirePausable(row: CommandRow, wanted: boolean): void {
  if (row.task_id === '') throw precondition(`command ${row.id} is no IOC scan: only a scan can be paused`);
  const stands =
    row.pause_requested === 1 || (row.state as CommandState) === CommandState.COMMAND_STATE_PAUSED;
  if (!wanted && !stands) throw precondition(`command ${row.id} is not paused`);
}

function precondition(message: string): CordonError {
  return new CordonError(status.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_INVALID_FIELD, message);
}

/** What of a command can be large, bytes: an answer takes only so much. */
const BYTES = sql<number>`coalesce(length(commands.result_proto), 0) + length(commands.spec_proto)
  + coalesce(length(ioc_scan_specs.spec_proto), 0)`;
/** Ids, times, error and progress, bytes. */
const REST_OF_COMMAND = 3000;

/** Commands in the order of `rows`; one that was forgotten meanwhile is left out. */
async function readCommands(db: Reader, rows: readonly { readonly id: string }[]): Promise<Command[]> {
  const found = new Map<string, Command>();
  for (const chunk of inChunks(rows.map(({ id }) => id))) {
    const read = await selectCommands(db).where('commands.id', 'in', chunk).execute();
    for (const row of read) found.set(row.id, commandMessage(row));
  }
  return rows.flatMap(({ id }) => found.get(id) ?? []);
}

async function loadCommand(db: Reader | Tx, id: string): Promise<CommandRow> {
  requireId('id', id);
  const row = await selectCommands(db).where('commands.id', '=', id).executeTakeFirst();
  if (!row) throw notFound('command', id);
  return row;
}
