import { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../shared/clock.js';
import { AlertServiceService } from '../shared/gen/cordon/v1/alert_service.js';
import { AuditServiceService } from '../shared/gen/cordon/v1/audit_service.js';
import { CommandServiceService } from '../shared/gen/cordon/v1/command_service.js';
import { DeviceServiceService } from '../shared/gen/cordon/v1/device_service.js';
import { EnrollmentServiceService } from '../shared/gen/cordon/v1/enrollment_service.js';
import { EventServiceService } from '../shared/gen/cordon/v1/event_service.js';
import { GroupServiceService } from '../shared/gen/cordon/v1/group_service.js';
import { IocDocumentServiceService } from '../shared/gen/cordon/v1/ioc_document_service.js';
import { IsolationServiceService } from '../shared/gen/cordon/v1/isolation_service.js';
import { OperatorServiceService } from '../shared/gen/cordon/v1/operator_service.js';
import { PolicyServiceService } from '../shared/gen/cordon/v1/policy_service.js';
import { TaskServiceService } from '../shared/gen/cordon/v1/task_service.js';
import type { Logger } from '../shared/log.js';
import { alertService } from './api/alert-service.js';
import { auditService } from './api/audit-service.js';
import { deviceService } from './api/device-service.js';
import { enrollmentService } from './api/enrollment-service.js';
import { eventService } from './api/event-service.js';
import { groupService } from './api/group-service.js';
import { iocDocumentService } from './api/ioc-document-service.js';
import type { HostResolver } from './api/known-hosts.js';
import { operatorService } from './api/operator-service.js';
import { policyService } from './api/policy-service.js';
import { addReflection } from './api/reflection.js';
import { registerService } from './api/register-service.js';
import { taskService } from './api/task-service.js';
import type { AuditFeed } from './events/audit-feed.js';
import type { Enrollment } from './identity/enrollment.js';
import type { AgentPlane } from './plane.js';
import { managementPortOptions } from './ports/grpc-options.js';
import type { Store } from './store/store.js';

export interface ManagementDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly plane: AgentPlane;
  readonly enrollment: Enrollment;
  readonly feed: AuditFeed;
  /** SHA-256 of the CA certificate, hex. */
  readonly caFingerprint: string;
  /** Port where agents connect. */
  readonly agentPort: number;
  /** Looks up host names in exclusions. */
  readonly hosts: HostResolver;
  /** Aborted when the server is about to stop. */
  readonly stopping: AbortSignal;
}

/** Everything on the management port. */
export function managementServer(deps: ManagementDeps): Server {
  const { plane, enrollment } = deps;
  const server = new Server(managementPortOptions);
  const deviceChanged = (deviceId: string): void => plane.deviceChanged(deviceId);
  const isOnline = (deviceId: string): boolean => plane.isOnline(deviceId);
  const devices = deviceService({
    ...deps,
    deviceChanged,
    isOnline,
    refuse: (deviceId, reason) => plane.refuse(deviceId, reason),
    watchDevices: plane.watchDevices,
  });
  const desiredChanged = (deviceIds: readonly string[]): void => plane.desiredChanged(deviceIds);
  registerService(server, DeviceServiceService, devices, deps);
  registerService(
    server,
    GroupServiceService,
    groupService({ ...deps, isOnline, desiredChanged, deviceChanged }),
    deps,
  );
  registerService(server, PolicyServiceService, policyService({ ...deps, desiredChanged }), deps);
  registerService(
    server,
    TaskServiceService,
    taskService({
      ...deps,
      desiredChanged,
      isOnline,
      scanTaskChanged: () => plane.scanTaskChanged(),
      commandsChanged: (deviceIds) => plane.commandsChanged(deviceIds),
    }),
    deps,
  );
  registerService(server, IocDocumentServiceService, iocDocumentService(deps), deps);
  registerService(server, IsolationServiceService, plane.isolation, deps);
  registerService(server, CommandServiceService, plane.commands, deps);
  registerService(server, OperatorServiceService, operatorService(deps), deps);
  registerService(server, AuditServiceService, auditService(deps), deps);
  const following = { ...deps, db: deps.store.read };
  registerService(
    server,
    AlertServiceService,
    alertService({ ...following, isOnline, changed: desiredChanged }),
    deps,
  );
  registerService(server, EventServiceService, eventService(following), deps);
  server.addService(EnrollmentServiceService, enrollmentService({ ...deps, enrollment, deviceChanged }));

  const served = [
    'AlertService',
    'AuditService',
    'CommandService',
    'DeviceService',
    'EnrollmentService',
    'EventService',
    'GroupService',
    'IocDocumentService',
    'IsolationService',
    'OperatorService',
    'PolicyService',
    'TaskService',
  ].map((name) => `cordon.v1.${name}`);
  addReflection(server, served);
  addHealth(server, served, deps.stopping);
  return server;
}

/** grpc.health.v1 for the server ('') and for each service; NOT_SERVING from the moment the server is about to stop. */
function addHealth(server: Server, services: readonly string[], stopping: AbortSignal): void {
  const names = ['', ...services];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  const notServing = (): void => names.forEach((name) => health.setStatus(name, 'NOT_SERVING'));
  stopping.addEventListener('abort', notServing, { once: true });
}
