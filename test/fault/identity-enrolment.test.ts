import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  DeviceServiceService,
  RevokeEnrollmentTokenRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import { EnrollmentServiceService } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { newId } from '../../shared/ids.js';
import { certificatesFromPem } from '../../shared/tls/pem.js';
import { RefusalSite, refused } from './refusal-site.js';
import { forgedCsr, makeCsr, makeKeys, type TlsPair } from './strange-identities.js';

const DAY_MS = 86_400_000;

describe('an enrolment or renewal that is not in order', () => {
  let site: RefusalSite;

  before(async () => {
    site = await RefusalSite.open();
  });

  after(() => site.close());

  beforeEach(() => site.nextMinute());

  it('is told apart from one that is (positive control)', async () => {
    const before = site.server.storeContents();
    await site.enroll((await site.token()).secret, await makeCsr(await makeKeys('P-256'), newId()));
    expect(site.server.storeContents()).to.not.equal(before);
  });

  const tokens: [string, () => Promise<string>, RegExp][] = [
    ['wrong', () => Promise.resolve('cordon_enroll_wrong'), /the enrolment token is not one of this server/],
    [
      'used up',
      async () => {
        const { secret } = await site.token();
        await site.enroll(secret, await makeCsr(await makeKeys('P-256'), newId()));
        return secret;
      },
      /the enrolment token is used up \(1 of 1\)/,
    ],
    [
      'revoked',
      async () => {
        const { id, secret } = await site.token();
        const request = RevokeEnrollmentTokenRequest.fromPartial({ id });
        await site.client.call(DeviceServiceService.revokeEnrollmentToken, request);
        return secret;
      },
      /the enrolment token was revoked/,
    ],
    [
      'expired',
      async () => {
        const { secret } = await site.token();
        site.server.wallShiftMs = 2 * DAY_MS;
        return secret;
      },
      /the enrolment token has expired/,
    ],
  ];
  for (const [what, make, reason] of tokens) {
    it(`refuses to enrol with a token that is ${what}`, async () => {
      const secret = await make();
      const csr = await makeCsr(await makeKeys('P-256'), newId());
      await site.leavesOnly(reason, () => refused(site.enroll(secret, csr), status.PERMISSION_DENIED));
      site.server.wallShiftMs = 0;
    });
  }

  const requests: [string, () => Promise<Buffer>, status, RegExp][] = [
    [
      'for the id of another device',
      async () => makeCsr(await makeKeys('P-256'), site.device.id),
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
      async () => makeCsr(await makeKeys('P-256'), newId(), site.device.id),
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
      const { secret } = await site.token();
      const csr = await make();
      await site.leavesOnly(reason, () => refused(site.enroll(secret, csr), code));
    });
  }

  describe('renewal on the management port', () => {
    const renewals: [string, () => Promise<{ pair: TlsPair; csr: Buffer }>, status, RegExp][] = [
      [
        'a removed device',
        async () => ({ pair: site.removed, csr: await makeCsr(await makeKeys('P-256'), site.removed.id) }),
        status.PERMISSION_DENIED,
        /is not on record; enrol again with a token/,
      ],
      [
        'a banned device',
        async () => ({ pair: site.banned, csr: await makeCsr(await makeKeys('P-256'), site.banned.id) }),
        status.PERMISSION_DENIED,
        /is banned; an administrator can unban it/,
      ],
      [
        'somebody who has the certificate and not its key',
        async () => ({ pair: site.device, csr: await makeCsr(await makeKeys('P-256'), site.device.id) }),
        status.INVALID_ARGUMENT,
        /must be for the key of the certificate that it renews/,
      ],
      [
        'one device in the name of another',
        async () => ({ pair: site.device, csr: await makeCsr(await makeKeys('P-256'), newId()) }),
        status.INVALID_ARGUMENT,
        /names device \S+, not /,
      ],
    ];
    for (const [who, make, code, reason] of renewals) {
      it(`is refused to ${who}`, async () => {
        const { pair, csr } = await make();
        const [certificate = Buffer.alloc(0)] = certificatesFromPem(pair.certificate);
        await site.leavesOnly(reason, () =>
          refused(site.client.call(EnrollmentServiceService.renewCertificate, { certificate, csr }), code),
        );
      });
    }
  });
});
