import type { Clock } from '../shared/clock.js';
import type { ErrorReason } from '../shared/gen/cordon/v1/error.js';
import type { WatchDevicesRequest, WatchDevicesResponse } from '../shared/gen/cordon/v1/device_service.js';
import type { Logger } from '../shared/log.js';
import type { Handlers } from './api/handlers.js';
import type { ServicePair } from './link/agent-service.js';
import type { Watch } from './api/rpc.js';
import type { ServerConfig } from './config.js';
import type { DeviceCertificates } from './identity/device-certificates.js';
import type { Store } from './store/store.js';

/** What the agent plane is built from. */
export interface PlaneDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose certificate is welcome, and new ones over the stream. */
  readonly identity: DeviceCertificates;
  readonly config: ServerConfig;
}

/** Streams of the agents and the services that steer them, as the composition of the server sees them. */
export interface AgentPlane {
  /** AgentService with its own decoding of what is malformed. */
  readonly agentService: ServicePair;
  /** Handlers of IsolationService. */
  readonly isolation: Handlers;
  /** Handlers of CommandService. */
  readonly commands: Handlers;
  readonly watchDevices: Watch<WatchDevicesRequest, WatchDevicesResponse>;
  /** Whether a stream of the device is open now. */
  isOnline(deviceId: string): boolean;
  /** Ends the device's stream at once with this reason: banned, removed, or its certificate was revoked. */
  refuse(deviceId: string, reason: ErrorReason): void;
  /** A record changed outside the plane (enrolled, banned, removed, ...): feeds must show it, and its scans be planned. */
  deviceChanged(deviceId: string): void;
  /** The desired state of these devices has changed: their streams are to be told, and feeds must show it. */
  desiredChanged(deviceIds: readonly string[]): void;
  /** The queues of commands of these devices have changed: their streams are to be told. */
  commandsChanged(deviceIds: readonly string[]): void;
  /** An IOC scan task was made, changed or removed: its runs are to be planned. */
  scanTaskChanged(): void;
  /** Tells every agent that the server is about to stop. Resolves when they were told; the caller bounds the wait. */
  drain(): Promise<void>;
  /** Ends what the plane owns, timers and subscriptions, and stores what was waiting. */
  close(): Promise<void>;
}

export type MakePlane = (deps: PlaneDeps) => AgentPlane;
