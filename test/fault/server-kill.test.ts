import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  AuditServiceService,
  ListAuditRecordsRequest,
  VerifyAuditChainRequest,
} from '../../shared/gen/cordon/v1/audit_service.js';
import type { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import { DeviceServiceService, GetDeviceRequest } from '../../shared/gen/cordon/v1/device_service.js';
import { isServiceError } from '../../shared/errors.js';
import { IsolationAction } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolateDevicesRequest,
  IsolationServiceService,
  ReleaseDevicesRequest,
  type DeviceOrder,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { newId } from '../../shared/ids.js';
import { enrolMany } from './enrolled.js';
import { RealServer, type ManagementClient } from './real-server.js';

const COMMANDS = 200;
const KILLS = 12;

describe('a server that is killed with kill -9', () => {
  it('has every acknowledged order of 200 in effect afterwards, and each in the audit list exactly once', async function () {
    this.timeout(180_000);
    const server = await RealServer.open();
    let client = server.connect();
    try {
      const devices = await enrolMany(client, 4);
      const killAt = new Set(Array.from({ length: KILLS }, (_, index) => 8 + index * 16));
      const acknowledged: { requestId: string; order: DeviceOrder; isolate: boolean }[] = [];

      for (let number = 0; number < COMMANDS; number++) {
        const device = devices[number % devices.length];
        if (!device) throw new Error('no device');
        const isolate = Math.floor(number / devices.length) % 2 === 0;
        const requestId = newId();
        // The kill falls somewhere between the request leaving and its answer coming back.
        const restarted = killAt.has(number)
          ? new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 12)).then(async () => {
              await server.kill();
              await server.start();
            })
          : Promise.resolve();
        const order = await sendUntilAcknowledged(() => client, device.id, isolate, requestId, restarted);
        await restarted;
        acknowledged.push({ requestId, order, isolate });
        if (killAt.has(number)) {
          client.close();
          client = server.connect();
        }
      }

      for (const [index, device] of devices.entries()) {
        const last = acknowledged.filter((_, number) => number % devices.length === index).at(-1);
        const { device: shown } = await client.call(
          DeviceServiceService.getDevice,
          GetDeviceRequest.fromPartial({ device: device.id }),
        );
        expect(shown?.directive?.id).to.equal(last?.order.directiveId);
        expect(shown?.directive?.action).to.equal(
          last?.isolate ? IsolationAction.ISOLATION_ACTION_ISOLATE : IsolationAction.ISOLATION_ACTION_RELEASE,
        );
        expect(shown?.generation).to.equal(last?.order.generation);
      }

      const records = await auditOf(client);
      const orders = records.filter(({ action }) => action.startsWith('isolation.'));
      const times = new Map<string, number>();
      for (const { requestId } of orders) times.set(requestId, (times.get(requestId) ?? 0) + 1);
      for (const { requestId } of acknowledged) expect(times.get(requestId), requestId).to.equal(1);
      expect(orders).to.have.length(COMMANDS);
      const chain = await client.call(
        AuditServiceService.verifyAuditChain,
        VerifyAuditChainRequest.fromPartial({}),
      );
      expect(chain.firstBrokenSequence).to.equal(0n);
      expect(Number(chain.checked)).to.equal(records.length);
    } finally {
      client.close();
      await server.close();
    }
  });
});

/** Repeats one order with the same request id until the API acknowledges it, as `cordon` does. */
async function sendUntilAcknowledged(
  client: () => ManagementClient,
  device: string,
  isolate: boolean,
  requestId: string,
  restarted: Promise<void>,
): Promise<DeviceOrder> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      const { orders } = isolate
        ? await client().call(
            IsolationServiceService.isolateDevices,
            IsolateDevicesRequest.fromPartial({ devices: [device], reason: 'kill test', requestId }),
          )
        : await client().call(
            IsolationServiceService.releaseDevices,
            ReleaseDevicesRequest.fromPartial({ devices: [device], reason: 'kill test', requestId }),
          );
      if (orders[0]) return orders[0];
    } catch (error) {
      const lost =
        isServiceError(error) &&
        [status.UNAVAILABLE, status.CANCELLED, status.DEADLINE_EXCEEDED].includes(error.code);
      if (!lost) throw error;
      await restarted;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('the order was never acknowledged');
}

async function auditOf(client: ManagementClient): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  let pageToken = '';
  do {
    const page = await client.call(
      AuditServiceService.listAuditRecords,
      ListAuditRecordsRequest.fromPartial({ pageSize: 100, pageToken }),
    );
    records.push(...page.records);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return records;
}
