import { X509Certificate, randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Client, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import Sqlite from 'libsql';
import { readCommandLine } from '../../../server/command-line.js';
import { CertificateAuthority } from '../../../server/identity/ca.js';
import { AuditServiceClient } from '../../../shared/gen/cordon/v1/audit_service.js';
import { DeviceServiceClient } from '../../../shared/gen/cordon/v1/device_service.js';
import {
  EnrollmentServiceClient,
  type EnrollResponse,
} from '../../../shared/gen/cordon/v1/enrollment_service.js';
import { OperatorServiceClient, Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { toPem } from '../../../shared/tls/pem.js';
import { PublicKey } from '../../../shared/tls/x509.js';
import { TestServer, answer, bearer, newCsr, newKey, refusal, type TestKey } from './harness.js';

describe('a server', () => {
  let server: TestServer;
  let devices: DeviceServiceClient;
  let operators: OperatorServiceClient;
  let enrollment: EnrollmentServiceClient;
  let audit: AuditServiceClient;

  beforeEach(async () => {
    server = await TestServer.start();
    devices = server.client(DeviceServiceClient);
    operators = server.client(OperatorServiceClient);
    enrollment = server.client(EnrollmentServiceClient);
    audit = server.client(AuditServiceClient);
  });

  afterEach(async () => {
    for (const client of [devices, operators, enrollment, audit]) client.close();
    await server.stop();
  });

  const token = async (maxUses = 1): Promise<string> => {
    const request = { maxUses, ttl: undefined, groupId: '', requestId: '' };
    const { secret } = await answer<{ secret: string }>((done) =>
      devices.createEnrollmentToken(request, server.admin, done),
    );
    return secret;
  };

  const enroll = async (
    secret: string,
    key: TestKey,
    id: string,
    hostname = 'web-1',
  ): Promise<EnrollResponse> => {
    const csr = await newCsr(key, id);
    return answer((done) => enrollment.enroll({ token: secret, csr, hostname }, done));
  };

  const names = async (): Promise<string[]> => {
    const list = await answer<{ devices: { name: string }[] }>((done) =>
      devices.listDevices({ pageSize: 0, pageToken: '', filter: undefined }, server.admin, done),
    );
    return list.devices.map(({ name }) => name);
  };

  it('makes a CA whose key only its user can read, and a token that works', async () => {
    for (const file of ['ca.key', 'cordon.db', 'cordon.db-wal', 'cordon.db-shm']) {
      expect(statSync(join(server.dataDir, file)).mode & 0o777, file).to.equal(0o600);
    }
    expect(readFileSync(join(server.dataDir, 'ca.crt'), 'utf8')).to.equal(server.caPem);
    const { apiToken } = await answer<{ apiToken?: { operatorName: string; role: Role } }>((done) =>
      operators.getCurrentOperator({}, server.admin, done),
    );
    expect(apiToken).to.include({ operatorName: 'admin', role: Role.ROLE_ADMINISTRATOR });
  });

  it('refuses a call without a token, with a wrong one and with a role that is too low', async () => {
    const list = { pageSize: 0, pageToken: '', filter: undefined };
    const none = await refusal(answer((done) => devices.listDevices(list, done)));
    expect(none).to.include({ code: status.UNAUTHENTICATED, reason: 'TOKEN_INVALID' });
    const wrong = await refusal(answer((done) => devices.listDevices(list, bearer('cordon_api_x'), done)));
    expect(wrong.reason).to.equal('TOKEN_INVALID');

    const wanted = { operatorName: 'eve', role: Role.ROLE_VIEWER, ttl: undefined, requestId: '' };
    const { secret } = await answer<{ secret: string }>((done) =>
      operators.createApiToken(wanted, server.admin, done),
    );
    await answer((done) => devices.listDevices(list, bearer(secret), done));
    const low = await refusal(answer((done) => operators.listApiTokens(list, bearer(secret), done)));
    expect(low).to.include({ code: status.PERMISSION_DENIED, reason: 'ROLE_TOO_LOW' });
  });

  it('answers a repeated request_id with the first answer, once in the audit, and refuses it for another request', async () => {
    const id = randomUUID();
    await enroll(await token(), await newKey(), id);
    const request = { device: 'web-1', reason: 'stolen', requestId: randomUUID() };
    const ban = (reason: string): Promise<{ device?: { etag: string } }> =>
      answer((done) => devices.banDevice({ ...request, reason }, server.admin, done));
    const first = await ban('stolen');
    expect(await ban('stolen')).to.deep.equal(first);
    const other = await refusal(ban('lost'));
    expect(other).to.include({ code: status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
    const filter = { device: id, action: 'device.ban', pageSize: 0, pageToken: '' };
    const { records } = await answer<{ records: unknown[] }>((done) =>
      audit.listAuditRecords(filter, server.admin, done),
    );
    expect(records).to.have.length(1);
  });

  it('does not keep the secret of a token for a repeat', async () => {
    const request = { maxUses: 1, ttl: undefined, groupId: '', requestId: randomUUID() };
    const create = (): Promise<unknown> =>
      answer((done) => devices.createEnrollmentToken(request, server.admin, done));
    await create();
    expect(await refusal(create())).to.include({ code: status.ALREADY_EXISTS });
  });

  it('enrols a computer, gives a second one of the same name another, and repeats without a further use', async () => {
    const secret = await token(2);
    const key = await newKey();
    const id = randomUUID();
    expect((await enroll(secret, key, id)).deviceName).to.equal('web-1');
    expect((await enroll(secret, key, id)).deviceName).to.equal('web-1');
    expect((await enroll(secret, await newKey(), randomUUID())).deviceName).to.equal('web-1-2');
    expect(await names()).to.deep.equal(['web-1', 'web-1-2']);
  });

  it('refuses wrong and used-up tokens, foreign ids and wrong keys, says why in the log and stores nothing', async () => {
    const id = randomUUID();
    const secret = await token(1);
    await enroll(secret, await newKey(), id);
    const fresh = await token(1);
    const before = await names();

    const wrong = await refusal(enroll('cordon_enroll_nothing', await newKey(), randomUUID()));
    expect(wrong).to.include({ code: status.PERMISSION_DENIED, reason: 'ENROLLMENT_TOKEN_REFUSED' });
    const usedUp = await refusal(enroll(secret, await newKey(), randomUUID()));
    expect(usedUp.message).to.contain('used up');
    const foreign = await refusal(enroll(fresh, await newKey(), id));
    expect(foreign).to.include({ code: status.ALREADY_EXISTS, reason: 'DEVICE_ID_TAKEN' });
    const curve = await refusal(enroll(fresh, await newKey('P-384'), randomUUID()));
    expect(curve).to.include({ code: status.INVALID_ARGUMENT, reason: 'CSR_INVALID' });

    expect(await names()).to.deep.equal(before);
    const log = server.logged.join('');
    for (const reason of ['ENROLLMENT_TOKEN_REFUSED', 'DEVICE_ID_TAKEN', 'CSR_INVALID', 'used up']) {
      expect(log).to.contain(reason);
    }
    const list = await answer<{ enrollmentTokens: { uses: number }[] }>((done) =>
      devices.listEnrollmentTokens({ pageSize: 0, pageToken: '' }, server.admin, done),
    );
    expect(list.enrollmentTokens.map(({ uses }) => uses)).to.deep.equal([0, 1]);
  });

  it('slows down an address after five refusals', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await refusal(enroll('cordon_enroll_nothing', await newKey(), randomUUID()));
    }
    const slowed = await refusal(enroll(await token(), await newKey(), randomUUID()));
    expect(slowed).to.include({ code: status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_ATTEMPTS' });
    expect(slowed.retryAfterMs).to.be.within(1, 60_000);
  });

  it('pages through devices by name', async () => {
    const secret = await token(3);
    for (const name of ['c', 'a', 'b']) await enroll(secret, await newKey(), randomUUID(), name);
    const list = (pageToken: string): Promise<{ devices: { name: string }[]; nextPageToken: string }> =>
      answer((done) =>
        devices.listDevices({ pageSize: 2, pageToken, filter: undefined }, server.admin, done),
      );
    const first = await list('');
    expect(first.devices.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    const second = await list(first.nextPageToken);
    expect(second.devices.map(({ name }) => name)).to.deep.equal(['c']);
    expect(second.nextPageToken).to.equal('');
    expect((await refusal(list('nonsense'))).violations[0]?.field).to.equal('page_token');
  });

  it('notices an edited audit record', async () => {
    await token();
    const verify = (): Promise<{ firstBrokenSequence: bigint }> =>
      answer((done) => audit.verifyAuditChain({}, server.admin, done));
    expect((await verify()).firstBrokenSequence).to.equal(0n);
    const file = new Sqlite(join(server.dataDir, 'cordon.db'));
    file.exec("update audit set actor = 'nobody' where sequence = 2");
    file.close();
    expect((await verify()).firstBrokenSequence).to.equal(2n);
  });

  it('refuses agents without a certificate, of another CA and with an expired one, and logs why', async () => {
    const attempt = (client: { cert?: string; key?: string }): Promise<void> =>
      new Promise((resolve) => {
        const port = server.running.agentPort;
        const options = { host: '127.0.0.1', port, ca: server.caPem, ALPNProtocols: ['h2'], ...client };
        const socket = connect(options);
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
        socket.resume();
      });
    const key = await newKey();
    const issued = async (folder: string, now: number): Promise<{ cert: string; key: string }> => {
      const ca = await CertificateAuthority.open(folder, Date.now());
      const publicKey = await PublicKey.create(key.keys.publicKey);
      const { der } = await ca.issueDevice(randomUUID(), publicKey, { days: 1, now });
      return { cert: toPem('CERTIFICATE', der), key: key.keyPem };
    };
    await attempt({});
    await attempt(await issued(join(server.dataDir, 'other'), Date.now()));
    await attempt(await issued(server.dataDir, Date.now() - 3 * 86_400_000));
    const log = server.logged.join('');
    expect(log).to.contain('no client certificate');
    expect(log).to.contain('is from another CA');
    expect(log).to.contain('has expired');
    expect(log).to.match(/"peer":"127\.0\.0\.1:\d+"/);
  });

  it('answers health checks, and reflection of both versions knows the services', async () => {
    const ask = (path: string, request: Buffer): Promise<Buffer> => {
      const client = server.client(Client);
      const same = (bytes: Buffer): Buffer => bytes;
      return new Promise<Buffer>((resolve, reject) => {
        const call = client.makeBidiStreamRequest(path, same, same);
        call.on('data', resolve).on('error', reject);
        call.write(request);
        call.end();
      }).finally(() => client.close());
    };
    // HealthCheckResponse { status = 1: SERVING (1) }
    expect([...(await ask('/grpc.health.v1.Health/Check', Buffer.alloc(0)))]).to.deep.equal([8, 1]);
    // ServerReflectionRequest { list_services = 7: "*" }
    const listServices = Buffer.from([0x3a, 1, 0x2a]);
    for (const version of ['v1', 'v1alpha']) {
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      expect((await ask(path, listServices)).toString()).to.contain('cordon.v1.DeviceService');
    }
  });

  it('names the setting of a folder and of a port that are in use', async () => {
    const again = (settings: Record<string, unknown>): Promise<string> =>
      TestServer.start(settings).then(
        () => 'started',
        (error: unknown) => (error as Error).message,
      );
    expect(await again({ data_dir: server.dataDir })).to.match(/^data_dir: .* is in use/);
    const address = `127.0.0.1:${server.running.managementPort}`;
    expect(await again({ management_listen: address })).to.match(/^management_listen: .* in use/);
  });

  it('issues device certificates for clients only, with the id as their one name', async () => {
    const id = randomUUID();
    const { certificate } = await enroll(await token(), await newKey(), id);
    const { keyUsage, subjectAltName } = new X509Certificate(certificate);
    expect(keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2']);
    expect(subjectAltName).to.equal(`URI:spiffe://cordon/device/${id}`);
  });
});

describe('the command line of the server', () => {
  it('names the key of each wrong setting', () => {
    const read = (): unknown => readCommandLine(['--certificate-days', '9999', '--agent-listen', 'foo'], {});
    expect(read).to.throw(/--certificate-days: must be at most 398/);
    expect(read).to.throw(/--agent-listen: must be ADDRESS:PORT/);
    expect(() => readCommandLine([], { CORDON_SERVER_FOO: '1' })).to.throw(/CORDON_SERVER_FOO: unknown key/);
  });
});
