import { AuditServiceService, ListAuditRecordsRequest } from '../../shared/gen/cordon/v1/audit_service.js';
import type { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import type { Command } from '../../shared/gen/cordon/v1/command.js';
import { CommandServiceService, CreateCommandRequest } from '../../shared/gen/cordon/v1/command_service.js';
import type { Device } from '../../shared/gen/cordon/v1/device.js';
import { ConnectionState } from '../../shared/gen/cordon/v1/device.js';
import {
  BanDeviceRequest,
  DeviceServiceService,
  GetDeviceRequest,
  RemoveDeviceRequest,
  UnbanDeviceRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import type { Isolation } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolateDevicesRequest,
  IsolationServiceService,
  ListIsolationsRequest,
  ReleaseDevicesRequest,
  type DeviceOrder,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import type { ManagementClient } from './real-server.js';

const REASON = 'fault test';

/** What an operator does with one device. */
export class Operator {
  constructor(
    private readonly client: ManagementClient,
    readonly device: string,
  ) {}

  async isolate(): Promise<DeviceOrder> {
    const request = IsolateDevicesRequest.fromPartial({ devices: [this.device], reason: REASON });
    return only((await this.client.call(IsolationServiceService.isolateDevices, request)).orders);
  }

  async release(): Promise<DeviceOrder> {
    const request = ReleaseDevicesRequest.fromPartial({ devices: [this.device], reason: REASON });
    return only((await this.client.call(IsolationServiceService.releaseDevices, request)).orders);
  }

  async ban(): Promise<void> {
    const request = BanDeviceRequest.fromPartial({ device: this.device, reason: REASON });
    await this.client.call(DeviceServiceService.banDevice, request);
  }

  async unban(): Promise<void> {
    const request = UnbanDeviceRequest.fromPartial({ device: this.device, reason: REASON });
    await this.client.call(DeviceServiceService.unbanDevice, request);
  }

  async remove(): Promise<void> {
    const request = RemoveDeviceRequest.fromPartial({ device: this.device, reason: REASON });
    await this.client.call(DeviceServiceService.removeDevice, request);
  }

  async show(): Promise<Device> {
    const request = GetDeviceRequest.fromPartial({ device: this.device });
    const { device } = await this.client.call(DeviceServiceService.getDevice, request);
    if (!device) throw new Error('the answer holds no device');
    return device;
  }

  /** Connected, and reported as enforcing what is desired. */
  async isCurrent(): Promise<boolean> {
    const { connection, generation, observedGeneration } = await this.show();
    return connection === ConnectionState.CONNECTION_STATE_ONLINE && observedGeneration === generation;
  }

  async isOnline(): Promise<boolean> {
    return (await this.show()).connection === ConnectionState.CONNECTION_STATE_ONLINE;
  }

  /** Orders a self-test. Resolves to the command's id. */
  async selfTest(): Promise<string> {
    const spec = { work: { $case: 'selfTest' as const, value: {} } };
    const request = CreateCommandRequest.fromPartial({ device: this.device, spec });
    const { command } = await this.client.call(CommandServiceService.createCommand, request);
    if (!command) throw new Error('the answer holds no command');
    return command.id;
  }

  async command(id: string): Promise<Command> {
    const { command } = await this.client.call(CommandServiceService.getCommand, { id });
    if (!command) throw new Error('the answer holds no command');
    return command;
  }

  /** History of this device, newest first. */
  async isolations(): Promise<Isolation[]> {
    const request = ListIsolationsRequest.fromPartial({ device: this.device, pageSize: 1000 });
    return (await this.client.call(IsolationServiceService.listIsolations, request)).isolations;
  }

  /** Audit records about this device. */
  async audited(): Promise<AuditRecord[]> {
    const request = ListAuditRecordsRequest.fromPartial({ pageSize: 1000 });
    const { records } = await this.client.call(AuditServiceService.listAuditRecords, request);
    return records.filter(({ deviceId }) => deviceId === this.device);
  }
}

function only<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (!item || items.length > 1) throw new Error(`expected one, got ${items.length}`);
  return item;
}
