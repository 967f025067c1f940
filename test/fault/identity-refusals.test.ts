import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Credentials } from '../../bench/fleet/credentials.js';
import { isServiceError } from '../../shared/errors.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
  RevokeEnrollmentTokenRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import { EnrollmentServiceService } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { newId } from '../../shared/ids.js';
import { certificatesFromPem } from '../../shared/tls/pem.js';
import { RawStream, enrolMany } from './enrolled.js';
import { Operator } from './operator.js';
import type { ManagementClient } from './real-server.js';
import { ServerInProcess } from './server-in-process.js';
import {
  issueByAnotherCa,
  issueDevice,
  issueUnrecorded,
  makeCsr,
  makeKeys,
  type TlsPair,
} from './strange-identities.js';
import { until } from './until.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

describe('an identity that is not good enough, over real TLS', () => {
  let server: ServerInProcess;
  let client: ManagementClient;
  let device: Credentials;
  let removed: Credentials;
  let banned: Credentials;

  before(async () => {
    server = await ServerInProcess.open();
    client = server.connect();
    const [first, second, third] = await enrolMany(client, 3);
    if (!first || !second || !third) throw new Error('nothing enrolled');
    [device, removed, banned] = [first, second, third];
    await new Operator(client, removed.id).remove();
    await new Operator(client, banned.id).ban();
  });

  after(async () => {
    client.close();
    await server.close();
  });

  beforeEach(() => {
    // Five refusals a minute slow an address down: every test has a minute of its own.
    server.bootShiftMs += MINUTE_MS + 1_000;
  });

  /** The server logs this reason, and its store is as it was. */
  async function leavesOnly(reason: RegExp, attempt: () => Promise<unknown>): Promise<void> {
    const before = server.storeContents();
    const logged = server.log.length;
    await attempt();
    await until(`the log says ${reason.source}`, 2_000, () => reason.test(server.log.slice(logged)));
    expect(server.storeContents()).to.equal(before);
  }

  /** A secret that was good for one use. */
  async function token(): Promise<{ id: string; secret: string }> {
    const request = CreateEnrollmentTokenRequest.fromPartial({ maxUses: 1 });
    const { secret, enrollmentToken } = await client.call(
      DeviceServiceService.createEnrollmentToken,
      request,
    );
    return { id: enrollmentToken?.id ?? '', secret };
  }

  const enroll = (secret: string, csr: Buffer): Promise<unknown> =>
    client.call(EnrollmentServiceService.enroll, { token: secret, csr, hostname: 'stranger' });

  it('lets the right one in (positive control)', async () => {
    const stream = new RawStream(server, device);
    stream.hello(device.id);
    await stream.heard('welcome');
    stream.close();
    const before = server.storeContents();
    await enroll((await token()).secret, await makeCsr(await makeKeys('P-256'), newId()));
    expect(server.storeContents()).to.not.equal(before);
  });

  const certificates: [string, () => Promise<TlsPair | undefined>, status, RegExp][] = [
    ['no certificate', () => Promise.resolve(undefined), status.UNAVAILABLE, /no client certificate/],
    [
      'a certificate from another CA',
      () => issueByAnotherCa(device.id),
      status.UNAVAILABLE,
      /client certificate of \S+ is from another CA \(Cordon CA /,
    ],
    [
      'an expired certificate',
      () => issueDevice(server.folder, device.id, 30, Date.now() - 31 * DAY_MS),
      status.UNAVAILABLE,
      /client certificate of \S+ has expired \(/,
    ],
    [
      'a certificate that is not valid yet',
      () => issueDevice(server.folder, device.id, 30, Date.now() + DAY_MS),
      status.UNAVAILABLE,
      /is not valid before .*: check the clocks/,
    ],
    [
      'a certificate that was made for a server',
      () =>
        issueUnrecorded(server.folder, (ca, { publicKey }) =>
          ca.issueServer(['localhost'], publicKey, { days: 1, now: Date.now() }),
        ),
      status.UNAVAILABLE,
      /was not accepted \(INVALID_PURPOSE\)/,
    ],
    [
      'a certificate of the right CA that is not on record',
      () => issueDevice(server.folder, device.id, 30, Date.now()),
      status.PERMISSION_DENIED,
      /the certificate [0-9a-f]{64} is not on record/,
    ],
    [
      'the certificate of a removed device',
      () => Promise.resolve(removed),
      status.PERMISSION_DENIED,
      /is not on record: removed, replaced or foreign/,
    ],
    [
      'the certificate of a banned device',
      () => Promise.resolve(banned),
      status.PERMISSION_DENIED,
      /device \S+ is banned; an administrator can unban it/,
    ],
  ];
  for (const [what, make, code, reason] of certificates) {
    it(`refuses a stream with ${what}`, () =>
      leavesOnly(reason, async () => {
        const stream = new RawStream(server, await make());
        stream.hello(device.id);
        const ended = await stream.ended;
        stream.close();
        expect(status[ended.code]).to.equal(status[code]);
      }));
  }

  const tokens: [string, () => Promise<string>, RegExp][] = [
    ['wrong', () => Promise.resolve('cordon_enroll_wrong'), /the enrolment token is not one of this server/],
    [
      'used up',
      async () => {
        const { secret } = await token();
        await enroll(secret, await makeCsr(await makeKeys('P-256'), newId()));
        return secret;
      },
      /the enrolment token is used up \(1 of 1\)/,
    ],
    [
      'revoked',
      async () => {
        const { id, secret } = await token();
        const request = RevokeEnrollmentTokenRequest.fromPartial({ id });
        await client.call(DeviceServiceService.revokeEnrollmentToken, request);
        return secret;
      },
      /the enrolment token was revoked/,
    ],
    [
      'expired',
      async () => {
        const { secret } = await token();
        server.wallShiftMs = 2 * DAY_MS;
        return secret;
      },
      /the enrolment token has expired/,
    ],
  ];
  for (const [what, make, reason] of tokens) {
    it(`refuses to enrol with a token that is ${what}`, async () => {
      const secret = await make();
      const csr = await makeCsr(await makeKeys('P-256'), newId());
      await leavesOnly(reason, () => refused(enroll(secret, csr), status.PERMISSION_DENIED));
      server.wallShiftMs = 0;
    });
  }

  const requests: [string, () => Promise<Buffer>, status, RegExp][] = [
    [
      'for the id of another device',
      async () => makeCsr(await makeKeys('P-256'), device.id),
      status.ALREADY_EXISTS,
      /belongs to another key/,
    ],
    [
      'with a P-384 key',
      async () => makeCsr(await makeKeys('P-384'), newId()),
      status.INVALID_ARGUMENT,
      /has a key that is not P-256/,
    ],
    [
      'with an RSA key',
      async () => makeCsr(await makeKeys('RSA'), newId()),
      status.INVALID_ARGUMENT,
      /has a key that is not P-256/,
    ],
    [
      'with two ids',
      async () => makeCsr(await makeKeys('P-256'), newId(), device.id),
      status.INVALID_ARGUMENT,
      /must have exactly one subject alternative name/,
    ],
    ['with a broken signature', forgedCsr, status.INVALID_ARGUMENT, /is not signed by its own key/],
    [
      'that is none',
      () => Promise.resolve(Buffer.from('not a request')),
      status.INVALID_ARGUMENT,
      /is not a PKCS#10 request/,
    ],
  ];
  for (const [what, make, code, reason] of requests) {
    it(`refuses to enrol a request ${what}, and costs no use of the token`, async () => {
      const { secret } = await token();
      const csr = await make();
      await leavesOnly(reason, () => refused(enroll(secret, csr), code));
    });
  }

  describe('over an open stream', () => {
    let stream: RawStream;

    before(async () => {
      stream = new RawStream(server, device);
      stream.hello(device.id);
      await stream.heard('welcome');
    });

    after(() => stream.close());

    const ofStream: [string, () => Promise<Buffer>, RegExp][] = [
      [
        'for the id of another device',
        async () => makeCsr(await makeKeys('P-256'), newId()),
        /certificate signing request: names device \S+, not /,
      ],
      ['with a P-384 key', async () => makeCsr(await makeKeys('P-384'), device.id), /not P-256/],
      ['with an RSA key', async () => makeCsr(await makeKeys('RSA'), device.id), /not P-256/],
      ['with a broken signature', forgedCsr, /is not signed by its own key/],
    ];
    for (const [what, make, reason] of ofStream) {
      it(`answers a request ${what} with the reason, and the stream goes on`, () =>
        leavesOnly(reason, async () => {
          const answers = (): { error: string; certificate: Buffer }[] =>
            stream.said.flatMap(({ payload }) =>
              payload?.$case === 'certificateIssued' ? [payload.value] : [],
            );
          const already = answers().length;
          stream.send({ $case: 'certificateRequest', value: { csr: await make() } });
          await until('the server answers', 2_000, () => answers().length > already);
          expect(answers().at(-1)?.error).to.match(reason);
          expect(answers().at(-1)?.certificate).to.have.length(0);
        }));
    }
  });

  describe('renewal on the management port', () => {
    const renewals: [string, () => Promise<{ pair: TlsPair; csr: Buffer }>, status, RegExp][] = [
      [
        'a removed device',
        async () => ({ pair: removed, csr: await makeCsr(await makeKeys('P-256'), removed.id) }),
        status.PERMISSION_DENIED,
        /is not on record; enrol again with a token/,
      ],
      [
        'a banned device',
        async () => ({ pair: banned, csr: await makeCsr(await makeKeys('P-256'), banned.id) }),
        status.PERMISSION_DENIED,
        /is banned; an administrator can unban it/,
      ],
      [
        'somebody who has the certificate and not its key',
        async () => ({ pair: device, csr: await makeCsr(await makeKeys('P-256'), device.id) }),
        status.INVALID_ARGUMENT,
        /must be for the key of the certificate that it renews/,
      ],
      [
        'one device in the name of another',
        async () => ({ pair: device, csr: await makeCsr(await makeKeys('P-256'), newId()) }),
        status.INVALID_ARGUMENT,
        /names device \S+, not /,
      ],
    ];
    for (const [who, make, code, reason] of renewals) {
      it(`is refused to ${who}`, async () => {
        const { pair, csr } = await make();
        const [certificate = Buffer.alloc(0)] = certificatesFromPem(pair.certificate);
        await leavesOnly(reason, () =>
          refused(client.call(EnrollmentServiceService.renewCertificate, { certificate, csr }), code),
        );
      });
    }
  });
});

/** A request whose signature was made for other contents. */
async function forgedCsr(): Promise<Buffer> {
  const csr = Buffer.from(await makeCsr(await makeKeys('P-256'), newId()));
  const id = csr.indexOf('spiffe://cordon/device/') + 'spiffe://cordon/device/'.length;
  csr[id] = csr[id] === 0x30 ? 0x31 : 0x30;
  return csr;
}

async function refused(call: Promise<unknown>, code: status): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isServiceError(error)) throw new Error('the call was expected to be refused', { cause: error });
  expect(status[error.code]).to.equal(status[code]);
}
