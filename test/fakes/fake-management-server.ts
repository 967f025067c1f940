import { Server, ServerCredentials, status, type Metadata, type handleUnaryCall } from '@grpc/grpc-js';
import { CordonError, toStatus } from '../../shared/errors.js';
import { AlertServiceService } from '../../shared/gen/cordon/v1/alert_service.js';
import { CommandServiceService } from '../../shared/gen/cordon/v1/command_service.js';
import { Device } from '../../shared/gen/cordon/v1/device.js';
import type { WatchDevicesResponse } from '../../shared/gen/cordon/v1/device_service.js';
import { DeviceServiceService, type DeviceServiceServer } from '../../shared/gen/cordon/v1/device_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { EventServiceService } from '../../shared/gen/cordon/v1/event_service.js';
import { IocDocumentServiceService } from '../../shared/gen/cordon/v1/ioc_document_service.js';
import { IsolationAction, IsolationState } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolationServiceService,
  type DeviceOrder,
  type IsolationServiceServer,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import {
  OperatorServiceService,
  Role,
  type OperatorServiceServer,
} from '../../shared/gen/cordon/v1/operator_service.js';
import { TaskServiceService } from '../../shared/gen/cordon/v1/task_service.js';
import { FakeDetections } from './fake-detections.js';
import { makeTestIdentity, type TestIdentity } from './test-ca.js';

export const FAKE_TOKEN = 'cordon_test_token';

/** What a device of the fake does with an order. */
export type Obedience = 'obeys' | 'silent' | 'degraded' | 'rejects';

/** The management API over real TLS with devices that are records in memory. What it does not serve is UNIMPLEMENTED. */
export class FakeManagementServer {
  readonly devices = new Map<string, Device>();
  obedience: Obedience = 'obeys';
  /** request_id of every order, repeats included. */
  readonly orderIds: string[] = [];
  /** Answers that many orders with UNAVAILABLE first. */
  unavailable = 0;
  readonly detections = new FakeDetections(
    (handle) => this.guard(handle),
    (call) => authenticate(call.metadata),
    (device, reason) => this.isolateOne(device, reason),
    (device) => this.find(device),
  );
  private readonly watchers = new Set<(event: WatchDevicesResponse) => void>();

  private constructor(
    private readonly server: Server,
    readonly identity: TestIdentity,
    readonly port: number,
  ) {}

  static async start(): Promise<FakeManagementServer> {
    const identity = await makeTestIdentity();
    const pair = { private_key: Buffer.from(identity.keyPem), cert_chain: Buffer.from(identity.chainPem) };
    const server = new Server();
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const fake = new FakeManagementServer(server, identity, port);
    fake.register();
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  stop(): void {
    this.server.forceShutdown();
  }

  /** Adds or replaces a device, and tells those who watch. */
  put(device: Partial<Device> & { id: string }): void {
    const full = Device.fromPartial(device);
    this.devices.set(full.id, full);
    for (const watcher of this.watchers) watcher({ event: { $case: 'device', value: full } });
  }

  private register(): void {
    const operators: Pick<OperatorServiceServer, 'getCurrentOperator'> = {
      getCurrentOperator: this.guard(() => ({
        apiToken: {
          id: 'token-1',
          operatorName: 'alice',
          role: Role.ROLE_OPERATOR,
          createdAt: undefined,
          expiresAt: undefined,
          revoked: false,
        },
        serverVersion: '9.9.9',
      })),
    };
    const devices: Pick<
      DeviceServiceServer,
      'getDevice' | 'listDevices' | 'watchDevices' | 'createEnrollmentToken'
    > = {
      getDevice: this.guard((request) => ({ device: this.find(request.device) })),
      listDevices: this.guard((request) => {
        const all = [...this.devices.values()];
        // Pages of two, so that a client which forgets to turn the page is noticed.
        const from = Number(request.pageToken || 0);
        const next = from + 2 < all.length ? String(from + 2) : '';
        return { devices: all.slice(from, from + 2), nextPageToken: next };
      }),
      watchDevices: (call) => {
        try {
          authenticate(call.metadata);
          for (const ref of call.request.devices) this.find(ref);
        } catch (error) {
          call.emit('error', toStatus(error));
          return;
        }
        const watcher = (event: WatchDevicesResponse): void => void call.write(event);
        for (const value of this.devices.values()) watcher({ event: { $case: 'device', value } });
        watcher({ event: { $case: 'bookmark', value: {} } });
        this.watchers.add(watcher);
        call.on('cancelled', () => this.watchers.delete(watcher));
      },
      createEnrollmentToken: this.guard((request) => ({
        enrollmentToken: {
          id: 'et-1',
          maxUses: request.maxUses,
          uses: 0,
          expiresAt: undefined,
          groupId: '',
          createdBy: 'alice',
          createdAt: undefined,
          revoked: false,
        },
        secret: 'enroll_secret',
        caFingerprint: this.identity.caFingerprint,
        agentPort: 17443,
      })),
    };
    const isolation: Pick<IsolationServiceServer, 'isolateDevices' | 'releaseDevices'> = {
      isolateDevices: this.guard((request) => ({
        orders: this.order(request, IsolationAction.ISOLATION_ACTION_ISOLATE),
      })),
      releaseDevices: this.guard((request) => ({
        orders: this.order(request, IsolationAction.ISOLATION_ACTION_RELEASE),
      })),
    };
    this.server.addService(OperatorServiceService, operators);
    this.server.addService(DeviceServiceService, devices);
    this.server.addService(IsolationServiceService, isolation);
    this.server.addService(IocDocumentServiceService, this.detections.documentService());
    this.server.addService(TaskServiceService, this.detections.taskService());
    this.server.addService(CommandServiceService, this.detections.commandService());
    this.server.addService(AlertServiceService, this.detections.alertService());
    this.server.addService(EventServiceService, this.detections.eventService());
  }

  /** Answers with what `handle` returns, to those who have the token. */
  private guard<Request, Response>(
    handle: (request: Request) => Response,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      try {
        authenticate(call.metadata);
        callback(null, handle(call.request));
      } catch (error) {
        callback(toStatus(error));
      }
    };
  }

  private find(ref: string): Device {
    const found = [...this.devices.values()].find(({ id, name }) => id === ref || name === ref);
    if (found) return found;
    throw new CordonError(
      status.NOT_FOUND,
      ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
      `no device with the id or name "${ref}"`,
    );
  }

  private isolateOne(device: string, reason: string): DeviceOrder {
    const request = { devices: [device], reason, requestId: '' };
    const [order] = this.order(request, IsolationAction.ISOLATION_ACTION_ISOLATE);
    if (!order) throw new Error('no order was made');
    return order;
  }

  private order(
    { devices, reason, requestId }: { devices: readonly string[]; reason: string; requestId: string },
    action: IsolationAction,
  ): DeviceOrder[] {
    this.orderIds.push(requestId);
    if (this.unavailable > 0) {
      this.unavailable -= 1;
      throw new CordonError(
        status.UNAVAILABLE,
        ErrorReason.ERROR_REASON_DRAINING,
        'the server is about to stop',
      );
    }
    return devices
      .map((ref) => this.find(ref))
      .map((device) => {
        const directiveId = `directive-${device.id}-${device.generation + 1n}`;
        const directive = {
          id: directiveId,
          action,
          reason,
          requestedBy: 'alice',
          issuedAt: undefined,
          releaseDelay: undefined,
        };
        const ordered: Device = { ...device, generation: device.generation + 1n, directive, rejection: '' };
        this.put(ordered);
        setTimeout(() => this.react(ordered), 50);
        return { deviceId: device.id, deviceName: device.name, generation: ordered.generation, directiveId };
      });
  }

  private react(ordered: Device): void {
    const isolate = ordered.directive?.action === IsolationAction.ISOLATION_ACTION_ISOLATE;
    const observed = {
      state: isolate ? IsolationState.ISOLATION_STATE_ISOLATED : IsolationState.ISOLATION_STATE_RELEASED,
      isolationId: isolate ? ordered.directive?.id : '',
    };
    const observedGeneration = ordered.generation;
    switch (this.obedience) {
      case 'obeys':
        return this.put(Device.fromPartial({ ...ordered, observedGeneration, observed }));
      case 'silent':
        return;
      case 'degraded':
        return this.put(
          Device.fromPartial({
            ...ordered,
            observedGeneration,
            observed: {
              ...observed,
              state: IsolationState.ISOLATION_STATE_DEGRADED,
              degradedReason: 'IPv6 could not be filtered',
            },
          }),
        );
      case 'rejects':
        return this.put({ ...ordered, rejection: 'manual_settings.exclusions[0]: not valid' });
    }
  }
}

function authenticate(metadata: Metadata): void {
  if (metadata.get('authorization')[0] === `Bearer ${FAKE_TOKEN}`) return;
  throw new CordonError(
    status.UNAUTHENTICATED,
    ErrorReason.ERROR_REASON_TOKEN_INVALID,
    'the token is not valid',
  );
}
