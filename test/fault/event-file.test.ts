import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { AuditServiceService, ListAuditRecordsRequest } from '../../shared/gen/cordon/v1/audit_service.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
} from '../../shared/gen/cordon/v1/device_service.js';
import { RealServer } from './real-server.js';
import { until } from './until.js';

const KILLS = 3;
const CALLS = 40;
const ANSWERED = 5;

describe('the event file of a server that is killed with kill -9', () => {
  it('has every event of the audit log, in order but for those that come again', async function () {
    this.timeout(180_000);
    const name = 'events.jsonl';
    const server = await RealServer.open((folder) => ({ CORDON_SERVER_EVENT_FILE: join(folder, name) }));
    const path = join(server.folder, name);
    try {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const client = server.connect();
        let answered = 0;
        for (let call = 0; call < CALLS; call += 1) {
          client
            .call(DeviceServiceService.createEnrollmentToken, CreateEnrollmentTokenRequest.fromPartial({}))
            .then(
              () => (answered += 1),
              () => undefined,
            );
        }
        // The rest is under way, and so is the export.
        await until('some calls are answered', 20_000, () => answered >= ANSWERED);
        await server.kill();
        client.close();
        await server.start();
      }
      const client = server.connect();
      await client.call(
        DeviceServiceService.createEnrollmentToken,
        CreateEnrollmentTokenRequest.fromPartial({}),
      );
      client.close();
      const wanted = await lastSequence(server);
      await until('the last event is in the file', 10_000, () => read(path).includes(wanted));

      const sequences = read(path);
      expect([...new Set(sequences)]).to.deep.equal(Array.from({ length: wanted }, (_, index) => index + 1));
      expect(wanted).to.be.greaterThan(KILLS * ANSWERED);
    } finally {
      await server.close();
    }
  });
});

async function lastSequence(server: RealServer): Promise<number> {
  const client = server.connect();
  const request = ListAuditRecordsRequest.fromPartial({ pageSize: 1 });
  const { records } = await client.call(AuditServiceService.listAuditRecords, request);
  client.close();
  return Number(records[0]?.sequence);
}

/** Numbers of the events, line by line. A line that a kill has cut says nothing. */
function read(path: string): number[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [(JSON.parse(line) as { sequence: number }).sequence];
      } catch {
        return [];
      }
    });
}
