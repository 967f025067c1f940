import { status } from '@grpc/grpc-js';
import { CordonError, reasonName } from '../shared/errors.js';
import { every } from '../shared/periodic.js';
import { commandService } from './api/command-service.js';
import { isolationService } from './api/isolation-service.js';
import { watchDevices } from './api/watch-devices.js';
import { FewAtATime } from '../shared/few-at-a-time.js';
import { endSilent, expireAllOverdue, forgetOld, forgetSpecs } from './commands/endings.js';
import { SettingsReader, pruneSettings } from './desired/settings.js';
import { agentService } from './link/agent-service.js';
import { DOCUMENTS_UNDER_WAY } from './link/document-sender.js';
import { DeviceChanges } from './link/device-changes.js';
import { Registry } from './link/registry.js';
import type { AgentPlane, PlaneDeps } from './plane.js';
import { Planner } from './scans/planner.js';

/** Commands that nobody accepted in time are ended this often, milliseconds. */
const EXPIRE_EVERY_MS = 30_000;
/** Commands that ended long ago are forgotten, and those of devices that vanished given up, this often, milliseconds. */
const FORGET_EVERY_MS = 3_600_000;
/** Settings that no device has any more are kept this long at most, milliseconds. */
const PRUNE_EVERY_MS = 3_600_000;

/** Puts together what serves the agents: streams, their registry, and the services that steer them. */
export function createAgentPlane({ store, clock, log, identity, config }: PlaneDeps): AgentPlane {
  const settings = new SettingsReader();
  const changes = new DeviceChanges();
  const registry = new Registry(store, clock, changes, log);
  const isOnline = (deviceId: string): boolean => registry.get(deviceId) !== undefined;
  const commandsChanged = (deviceId: string): void => registry.pokeCommands(deviceId);
  const planner = new Planner({ store, clock, log, isOnline, commandsChanged });
  const agents = agentService({
    store,
    clock,
    log,
    identity,
    registry,
    changes,
    settings,
    documents: new FewAtATime(DOCUMENTS_UNDER_WAY),
    timeZoneChanged: (deviceId) => planner.deviceChanged(deviceId),
    heartbeatMs: config.heartbeat_seconds * 1000,
    reconnectSpreadMs: config.reconnect_spread_seconds * 1000,
  });

  const stopExpiry = every(
    clock,
    EXPIRE_EVERY_MS,
    () => expireAllOverdue(store, clock.wall()),
    (error) => log.error({ err: error }, 'old commands could not be ended; tried again'),
  );

  const stopForgetting = every(
    clock,
    FORGET_EVERY_MS,
    async () => {
      await store.write((tx) => endSilent(tx, clock.wall()));
      await forgetOld(store, clock.wall());
      await store.write((tx) => forgetSpecs(tx));
    },
    (error) => log.error({ err: error }, 'old commands could not be forgotten; tried again'),
  );

  const stopPruning = every(
    clock,
    PRUNE_EVERY_MS,
    () => store.write((tx) => pruneSettings(tx)),
    (error) => log.error({ err: error }, 'settings that nobody has could not be forgotten; tried again'),
  );

  const desiredChanged = (deviceIds: readonly string[]): void => {
    registry.pokeDesired(deviceIds);
    for (const id of deviceIds) changes.emit(id);
  };

  return {
    agentService: agents,
    isolation: isolationService({ db: store.read, clock, settings, isOnline, changed: desiredChanged }),
    commands: commandService({
      db: store.read,
      clock,
      changed: commandsChanged,
    }),
    watchDevices: watchDevices({ db: store.read, changes, isOnline }),
    isOnline,
    refuse: (deviceId, reason) => {
      const message = `the server refuses this device: ${reasonName(reason)}`;
      registry.refuse(deviceId, new CordonError(status.PERMISSION_DENIED, reason, message));
    },
    deviceChanged: (deviceId) => {
      changes.emit(deviceId);
      planner.deviceChanged(deviceId);
    },
    commandsChanged: (deviceIds) => deviceIds.forEach(commandsChanged),
    scanTaskChanged: () => planner.taskChanged(),
    desiredChanged,
    drain: async () => {
      agents.refuseNew();
      await registry.drain(config.reconnect_spread_seconds * 500, 'planned stop');
    },
    close: async () => {
      stopExpiry();
      stopForgetting();
      stopPruning();
      await planner.close();
      await registry.close();
      changes.close();
    },
  };
}
