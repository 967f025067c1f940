// The certificate library needs it, and needs it first.
import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import { expect } from 'chai';
import { connectApi, type Api } from '../../cli/client.js';
import { readCaFile } from '../../cli/session/settings.js';
import { createAgentPlane } from '../../server/agent-plane.js';
import { serverConfigSchema } from '../../server/config.js';
import { startServer, type RunningServer } from '../../server/server.js';
import { systemClock } from '../../shared/clock.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
  GetDeviceRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import { EnrollRequest, EnrollmentServiceService } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { IsolationAction } from '../../shared/gen/cordon/v1/isolation.js';
import { deviceUri, newId } from '../../shared/ids.js';
import { createLog } from '../../shared/log.js';
import { packageRoot } from '../../shared/package-root.js';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';

interface Answer {
  readonly list: { readonly devices: readonly { readonly id: string; readonly name: string }[] };
  readonly isolate: {
    readonly orders: readonly { readonly deviceName: string; readonly generation: string }[];
  };
}

/** A certificate request as an agent makes one. */
async function certificateRequest(deviceId: string): Promise<Buffer> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${deviceId}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: deviceUri(deviceId) }])],
  });
  return Buffer.from(csr.rawData);
}

describe('a Python client made from the contract by stock tools', () => {
  let server: RunningServer;
  let api: Api;
  let folder: string;
  let caFile: string;
  const generated = (): string => join(folder, 'generated');
  const deviceId = newId();

  before(async function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 'cordon-python-'));
    const data = join(folder, 'data');
    server = await startServer(
      serverConfigSchema.parse({
        data_dir: data,
        agent_listen: '127.0.0.1:0',
        management_listen: '127.0.0.1:0',
        drain_seconds: 0,
      }),
      { log: createLog('server', 'silent'), clock: systemClock, plane: createAgentPlane },
    );
    caFile = join(data, 'ca.crt');
    api = connectApi(
      {
        address: { host: '127.0.0.1', port: server.managementPort },
        token: server.initialAdminToken ?? '',
        caPem: readCaFile(caFile),
      },
      { clock: systemClock, random: Math.random },
    );
    const { secret } = await api.unary(
      DeviceServiceService.createEnrollmentToken,
      CreateEnrollmentTokenRequest.fromPartial({}),
    );
    const csr = await certificateRequest(deviceId);
    await api.unary(
      EnrollmentServiceService.enroll,
      EnrollRequest.fromPartial({ token: secret, csr, hostname: 'laptop' }),
    );
    const proto = join(packageRoot, 'proto');
    const files = readdirSync(join(proto, 'cordon', 'v1')).map((name) => join(proto, 'cordon', 'v1', name));
    await run('mkdir', [generated()]);
    await run(PYTHON, [
      '-m',
      'grpc_tools.protoc',
      `-I${proto}`,
      `--python_out=${generated()}`,
      `--grpc_python_out=${generated()}`,
      ...files,
    ]);
  });

  after(async () => {
    api.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const python = (token: string): Promise<{ stdout: string }> =>
    run(
      PYTHON,
      [
        join(packageRoot, 'test', 'conformance', 'python_client.py'),
        generated(),
        `127.0.0.1:${server.managementPort}`,
        caFile,
        'laptop',
      ],
      { env: { PATH: process.env.PATH, CORDON_TOKEN: token }, timeout: 20_000 },
    );

  it('lists the devices and isolates one', async () => {
    const { stdout } = await python(server.initialAdminToken ?? '');
    const answer = JSON.parse(stdout) as Answer;
    expect(answer.list.devices.map(({ id, name }) => [id, name])).to.deep.equal([[deviceId, 'laptop']]);
    const [order] = answer.isolate.orders;
    expect(order?.deviceName).to.equal('laptop');
    const { device } = await api.unary(
      DeviceServiceService.getDevice,
      GetDeviceRequest.fromPartial({ device: 'laptop' }),
    );
    expect(device?.directive?.action).to.equal(IsolationAction.ISOLATION_ACTION_ISOLATE);
    expect(device?.directive?.reason).to.equal('asked for by the Python client');
    expect(String(device?.generation)).to.equal(order?.generation);
  });

  it('is refused without a valid token', async () => {
    const refusal = await python('wrong').then(
      () => '',
      (error: { stderr: string }) => error.stderr,
    );
    expect(refusal).to.contain('UNAUTHENTICATED');
  });
});
