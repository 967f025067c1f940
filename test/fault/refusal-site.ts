import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Credentials } from '../../bench/fleet/credentials.js';
import { isServiceError } from '../../shared/errors.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
} from '../../shared/gen/cordon/v1/device_service.js';
import { EnrollmentServiceService } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { enrolMany } from './enrolled.js';
import { Operator } from './operator.js';
import type { ManagementClient } from './real-server.js';
import { ServerInProcess } from './server-in-process.js';
import { until } from './until.js';

const MINUTE_MS = 60_000;

/** A server with a device that is welcome and two that are not, and the promise that a refusal leaves nothing behind. */
export class RefusalSite {
  private constructor(
    readonly server: ServerInProcess,
    readonly client: ManagementClient,
    readonly device: Credentials,
    readonly removed: Credentials,
    readonly banned: Credentials,
  ) {}

  static async open(): Promise<RefusalSite> {
    const server = await ServerInProcess.open();
    const client = server.connect();
    const [device, removed, banned] = await enrolMany(client, 3);
    if (!device || !removed || !banned) throw new Error('nothing enrolled');
    await new Operator(client, removed.id).remove();
    await new Operator(client, banned.id).ban();
    return new RefusalSite(server, client, device, removed, banned);
  }

  async close(): Promise<void> {
    this.client.close();
    await this.server.close();
  }

  /** Five refusals a minute slow an address down: every test has a minute of its own. */
  nextMinute(): void {
    this.server.bootShiftMs += MINUTE_MS + 1_000;
  }

  /** The server logs this reason, and its store is as it was. */
  async leavesOnly(reason: RegExp, attempt: () => Promise<unknown>): Promise<void> {
    const before = this.server.storeContents();
    const logged = this.server.log.length;
    await attempt();
    await until(`the log says ${reason.source}`, 2_000, () => reason.test(this.server.log.slice(logged)));
    expect(this.server.storeContents()).to.equal(before);
  }

  /** A secret that is good for one use. */
  async token(): Promise<{ id: string; secret: string }> {
    const request = CreateEnrollmentTokenRequest.fromPartial({ maxUses: 1 });
    const answer = await this.client.call(DeviceServiceService.createEnrollmentToken, request);
    return { id: answer.enrollmentToken?.id ?? '', secret: answer.secret };
  }

  enroll(secret: string, csr: Buffer): Promise<unknown> {
    return this.client.call(EnrollmentServiceService.enroll, { token: secret, csr, hostname: 'stranger' });
  }
}

/** Resolves when the call has failed with this code. */
export async function refused(call: Promise<unknown>, code: status): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isServiceError(error)) throw new Error('the call was expected to be refused', { cause: error });
  expect(status[error.code]).to.equal(status[code]);
}
