import { status } from '@grpc/grpc-js';
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
} from '../../shared/gen/cordon/v1/command_service.js';
import type { CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { cancel, commandMessage, enqueue, isFinal, type CommandRow } from '../commands/queue.js';
import { appendAudit } from '../store/audit.js';
import type { Reader, Tx } from '../store/store.js';
import { findDevice } from './device-lookup.js';
import type { Handlers } from './handlers.js';
import { notServed } from './not-served.js';
import { page, pageSize, pageStart } from './page.js';
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
      if (isFinal(row.state)) {
        throw new CordonError(
          status.FAILED_PRECONDITION,
          ErrorReason.ERROR_REASON_INVALID_FIELD,
          `command ${row.id} has already ended`,
        );
      }
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
        .selectAll()
        .orderBy('id', 'desc')
        .limit(size + 1);
      if (request.device !== '') {
        query = query.where('device_id', '=', (await findDevice(deps.db, request.device)).id);
      }
      if (start !== undefined) query = query.where('id', '<', start);
      const { rows, nextPageToken } = page('commands', await query.execute(), size, ({ id }) => id);
      return { commands: rows.map(commandMessage), nextPageToken };
    },
  };

  return {
    createCommand,
    cancelCommand,
    getCommand,
    listCommands,
    pauseCommand: notServed,
    resumeCommand: notServed,
  };
}

/** @throws CordonError INVALID_FIELD for work that devices cannot be given yet */
function runnable(spec: CommandSpec | undefined): CommandSpec {
  switch (spec?.work?.$case) {
    case 'selfTest':
    case 'collectConnections':
      return spec;
    case 'iocScan':
    case 'listQuarantine':
    case 'restoreQuarantined':
      throw invalid([{ field: 'spec.ioc_scan', description: 'is not served by this version' }]);
    case undefined:
      throw invalid([{ field: 'spec.work', description: 'must say what to do' }]);
  }
}

async function loadCommand(db: Reader | Tx, id: string): Promise<CommandRow> {
  requireId('id', id);
  const row = await db.selectFrom('commands').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw notFound('command', id);
  return row;
}
