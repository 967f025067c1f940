import { createHash } from 'node:crypto';
import { status, type ServerWritableStream } from '@grpc/grpc-js';
import { CordonError, invalid, toStatus } from '../../shared/errors.js';
import { newId } from '../../shared/ids.js';
import { Alert, AlertState } from '../../shared/gen/cordon/v1/alert.js';
import type {
  AlertServiceServer,
  WatchAlertsRequest,
  WatchAlertsResponse,
} from '../../shared/gen/cordon/v1/alert_service.js';
import { Command, CommandState } from '../../shared/gen/cordon/v1/command.js';
import type { CommandServiceServer } from '../../shared/gen/cordon/v1/command_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Event, EventServiceServer } from '../../shared/gen/cordon/v1/event_service.js';
import { IocDocument, IocFormat } from '../../shared/gen/cordon/v1/ioc.js';
import type { IocDocumentServiceServer } from '../../shared/gen/cordon/v1/ioc_document_service.js';
import type { DeviceOrder } from '../../shared/gen/cordon/v1/isolation_service.js';
import { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import type { TaskServiceServer } from '../../shared/gen/cordon/v1/task_service.js';
import type { handleUnaryCall } from '@grpc/grpc-js';

/** Answers with what a function returns, to those who may ask. */
export type Guard = <Request, Response>(
  handle: (request: Request) => Response,
) => handleUnaryCall<Request, Response>;

/** Documents, scans, commands, alerts and events that are records in memory, as the management API serves them. */
export class FakeDetections {
  readonly documents = new Map<string, IocDocument>();
  readonly contents = new Map<string, Buffer>();
  readonly tasks: IocScanTask[] = [];
  /** Newest first. */
  readonly commands: Command[] = [];
  /** Newest first. */
  readonly alerts: Alert[] = [];
  readonly events: Event[] = [];
  /** Masks of the updates of tasks. */
  readonly masks: string[][] = [];
  /** Ends a stream of events after so many, once. */
  loseAfter = Infinity;
  /** Called before each answer that tells how a command stands. */
  beforeRead: () => void = () => {};
  private readonly watchers = new Set<(response: WatchAlertsResponse) => void>();

  constructor(
    private readonly guard: Guard,
    private readonly authenticate: (call: ServerWritableStream<never, never>) => void,
    private readonly isolate: (device: string, reason: string) => DeviceOrder,
    /** Throws NOT_FOUND for a device that is not there. */
    private readonly requireDevice: (device: string) => void,
  ) {}

  clear(): void {
    this.documents.clear();
    for (const list of [this.tasks, this.commands, this.alerts, this.events, this.masks]) list.length = 0;
    this.loseAfter = Infinity;
    this.beforeRead = () => {};
  }

  /** Adds or replaces an alert, and tells those who watch. */
  put(part: Partial<Alert> & { id: string }): Alert {
    const alert = Alert.fromPartial({ state: AlertState.ALERT_STATE_OPEN, ...part, etag: newId() });
    const at = this.alerts.findIndex(({ id }) => id === alert.id);
    if (at >= 0) this.alerts[at] = alert;
    else this.alerts.unshift(alert);
    for (const watcher of this.watchers) watcher({ alert });
    return alert;
  }

  get watched(): number {
    return this.watchers.size;
  }

  documentService(): IocDocumentServiceServer {
    const find = (hash: Buffer): IocDocument =>
      this.documents.get(hash.toString('hex')) ?? missing('document');
    return {
      uploadIocDocument: this.guard(({ fileName, content, validateOnly }) => {
        const text = content.toString();
        if (!text.includes('<ioc')) {
          throw invalid([{ field: 'content', description: 'line 1: the root element has to be ioc' }]);
        }
        const hash = createHash('sha256').update(content).digest();
        const alreadyStored = this.documents.has(hash.toString('hex'));
        const problems = [...text.matchAll(/unknown="([^"]+)"/g)].map(([, term = '']) => ({
          indicatorId: '',
          term,
          detail: 'not a term of OpenIOC',
        }));
        const document = IocDocument.fromPartial({
          hash,
          documentId: /id="([^"]+)"/.exec(text)?.[1] ?? '',
          displayName: /<short_description>([^<]*)</.exec(text)?.[1] ?? fileName,
          format: IocFormat.IOC_FORMAT_OPENIOC_1_0,
          fileName,
          sizeBytes: BigInt(content.length),
          indicatorCount: 3,
          itemTypes: ['FileItem'],
          problems,
          uploadedBy: 'alice',
        });
        if (!validateOnly) {
          this.documents.set(hash.toString('hex'), document);
          this.contents.set(hash.toString('hex'), content);
        }
        return { document, alreadyStored };
      }),
      getIocDocument: this.guard(({ hash, withContent }) => ({
        document: find(hash),
        content: (withContent && this.contents.get(hash.toString('hex'))) || Buffer.alloc(0),
      })),
      listIocDocuments: this.guard(() => ({
        documents: [...this.documents.values()].map((one) => ({ ...one, problems: [] })),
        nextPageToken: '',
      })),
      deleteIocDocument: this.guard(({ hash }) => {
        find(hash);
        if (this.tasks.some(({ documentHashes }) => documentHashes.some((one) => one.equals(hash)))) {
          throw new CordonError(
            status.FAILED_PRECONDITION,
            ErrorReason.ERROR_REASON_IN_USE,
            'the document is needed by a task',
          );
        }
        this.documents.delete(hash.toString('hex'));
        return {};
      }),
    };
  }

  taskService(): Pick<
    TaskServiceServer,
    | 'getIocScanTask'
    | 'listIocScanTasks'
    | 'createIocScanTask'
    | 'updateIocScanTask'
    | 'deleteIocScanTask'
    | 'runIocScanTask'
  > {
    const find = (ref: string): IocScanTask =>
      this.tasks.find(({ id, displayName }) => id === ref || displayName === ref) ?? missing('scan');
    return {
      getIocScanTask: this.guard(({ id }) => ({ iocScanTask: find(id) })),
      listIocScanTasks: this.guard(() => ({ iocScanTasks: this.tasks, nextPageToken: '' })),
      createIocScanTask: this.guard(({ iocScanTask, validateOnly }) => {
        const task = IocScanTask.fromPartial({ ...iocScanTask, id: newId(), etag: newId() });
        if (!validateOnly) this.tasks.push(task);
        return { iocScanTask: task, hints: task.documentHashes.length > 1 ? ['two share an id'] : [] };
      }),
      updateIocScanTask: this.guard(({ iocScanTask, updateMask, validateOnly }) => {
        const before = find(iocScanTask?.id ?? '');
        if (iocScanTask?.etag !== before.etag) throw new Error('the client has to send the etag');
        this.masks.push(updateMask ?? []);
        const after = IocScanTask.fromPartial({ ...iocScanTask, etag: newId() });
        if (!validateOnly) this.tasks[this.tasks.indexOf(before)] = after;
        return { iocScanTask: after, hints: [] };
      }),
      deleteIocScanTask: this.guard(({ id }) => {
        this.tasks.splice(this.tasks.indexOf(find(id)), 1);
        return {};
      }),
      runIocScanTask: this.guard(({ id, devices }) => {
        const task = find(id);
        const busy = new Set(
          this.commands
            .filter(({ state }) => state === CommandState.COMMAND_STATE_RUNNING)
            .map(({ deviceId }) => deviceId),
        );
        const meant = devices.length > 0 ? devices.map((name) => `id-${name}`) : ['id-laptop', 'id-desk'];
        const told = meant.filter((device) => !busy.has(device));
        const commandIds = told.map((deviceId) => this.addRun(task, { deviceId }).id);
        return { commandIds, skippedDevices: meant.length - told.length };
      }),
    };
  }

  /** A run of a task, newer than those before. */
  addRun(task: IocScanTask, part: Partial<Command>): Command {
    const command = Command.fromPartial({
      id: newId(),
      state: CommandState.COMMAND_STATE_PENDING,
      spec: { work: { $case: 'iocScan', value: { taskId: task.id, taskName: task.displayName } } },
      requestedBy: 'alice',
      ...part,
    });
    this.commands.unshift(command);
    return command;
  }

  commandService(): CommandServiceServer {
    const find = (id: string): Command => this.commands.find((one) => one.id === id) ?? missing('command');
    const change = (id: string, from: readonly CommandState[], to: CommandState): { command: Command } => {
      const command = find(id);
      if (!from.includes(command.state)) {
        throw new CordonError(
          status.FAILED_PRECONDITION,
          ErrorReason.ERROR_REASON_INVALID_FIELD,
          'the command is not in a state for this',
        );
      }
      command.state = to;
      return { command };
    };
    const open = [CommandState.COMMAND_STATE_PENDING, CommandState.COMMAND_STATE_RUNNING];
    return {
      createCommand: this.guard(({ device, spec }) => {
        const command = Command.fromPartial({
          id: newId(),
          deviceId: `id-${device}`,
          spec,
          state: CommandState.COMMAND_STATE_PENDING,
        });
        this.commands.unshift(command);
        return { command };
      }),
      getCommand: this.guard(({ id }) => {
        this.beforeRead();
        return { command: find(id) };
      }),
      listCommands: this.guard(({ device, task }) => ({
        commands: this.commands.filter(({ deviceId, spec }) => {
          const scan = spec?.work?.$case === 'iocScan' ? spec.work.value : undefined;
          const ofTask = task === '' || scan?.taskId === task || scan?.taskName === task;
          return ofTask && (device === '' || deviceId === `id-${device}`);
        }),
        nextPageToken: '',
      })),
      cancelCommand: this.guard(({ id }) =>
        change(id, [...open, CommandState.COMMAND_STATE_PAUSED], CommandState.COMMAND_STATE_CANCELLED),
      ),
      pauseCommand: this.guard(({ id }) => change(id, open, CommandState.COMMAND_STATE_PAUSED)),
      resumeCommand: this.guard(({ id }) =>
        change(id, [CommandState.COMMAND_STATE_PAUSED], CommandState.COMMAND_STATE_RUNNING),
      ),
    };
  }

  alertService(): AlertServiceServer {
    const find = (ref: string): Alert => this.alerts.find(({ id }) => id === ref) ?? missing('alert');
    return {
      getAlert: this.guard(({ id }) => ({ alert: find(id) })),
      listAlerts: this.guard(({ device, state, source, taskId }) => ({
        alerts: this.alerts.filter(
          (one) =>
            (device === '' || one.deviceName === device) &&
            (state === AlertState.ALERT_STATE_UNSPECIFIED || one.state === state) &&
            (source === '' || one.source === source) &&
            (taskId === '' || one.iocMatch?.taskId === taskId),
        ),
        nextPageToken: '',
      })),
      watchAlerts: (call: ServerWritableStream<WatchAlertsRequest, WatchAlertsResponse>) => {
        this.authenticate(call as ServerWritableStream<never, never>);
        try {
          if (call.request.device) this.requireDevice(call.request.device);
        } catch (error) {
          call.emit('error', toStatus(error));
          return;
        }
        const watcher = (response: WatchAlertsResponse): void => void call.write(response);
        if (call.request.withOpen) {
          for (const alert of [...this.alerts].reverse()) {
            if (alert.state === AlertState.ALERT_STATE_OPEN) watcher({ alert });
          }
        }
        this.watchers.add(watcher);
        call.on('cancelled', () => this.watchers.delete(watcher));
      },
      commentAlert: this.guard(({ id, text }) => ({ alert: this.put(commented(find(id), text)) })),
      closeAlert: this.guard(({ id, comment }) => {
        const alert = find(id);
        if (alert.state === AlertState.ALERT_STATE_CLOSED) {
          throw new CordonError(
            status.FAILED_PRECONDITION,
            ErrorReason.ERROR_REASON_INVALID_FIELD,
            'the alert is closed already',
          );
        }
        const closed = { state: AlertState.ALERT_STATE_CLOSED, closedBy: 'alice' };
        return { alert: this.put({ ...(comment ? commented(alert, comment) : alert), ...closed }) };
      }),
      isolateFromAlert: this.guard(({ id, reason }) => ({ order: this.isolate(find(id).deviceId, reason) })),
    };
  }

  eventService(): EventServiceServer {
    return {
      streamEvents: (call) => {
        this.authenticate(call as unknown as ServerWritableStream<never, never>);
        let sent = 0;
        for (const event of this.events.filter(({ sequence }) => sequence > call.request.afterSequence)) {
          if (sent === this.loseAfter) {
            this.loseAfter = Infinity;
            call.emit('error', { code: status.UNAVAILABLE, details: 'the server is about to stop' });
            return;
          }
          call.write({ event });
          sent += 1;
        }
        if (!call.request.follow) call.end();
      },
    };
  }
}

function commented(alert: Alert, text: string): Alert {
  return { ...alert, comments: [...alert.comments, { author: 'alice', writtenAt: undefined, text }] };
}

function missing(what: string): never {
  throw new CordonError(status.NOT_FOUND, ErrorReason.ERROR_REASON_NOT_FOUND, `there is no such ${what}`);
}
