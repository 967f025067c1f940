import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { newId } from '../../shared/ids.js';
import { RawStream } from './enrolled.js';
import { RefusalSite } from './refusal-site.js';
import {
  forgedCsr,
  issueByAnotherCa,
  issueDevice,
  issueUnrecorded,
  makeCsr,
  makeKeys,
  type TlsPair,
} from './strange-identities.js';
import { until } from './until.js';

const DAY_MS = 86_400_000;

describe('a stream whose identity is not good enough, over real TLS', () => {
  let site: RefusalSite;

  before(async () => {
    site = await RefusalSite.open();
  });

  after(() => site.close());

  beforeEach(() => site.nextMinute());

  it('lets the right one in (positive control)', async () => {
    const before = site.server.storeContents();
    const stream = new RawStream(site.server, site.device);
    stream.hello(site.device.id);
    await stream.heard('welcome');
    stream.close();
    expect(site.server.storeContents()).to.not.equal(before);
  });

  const certificates: [string, () => Promise<TlsPair | undefined>, status, RegExp][] = [
    ['no certificate', () => Promise.resolve(undefined), status.UNAVAILABLE, /no client certificate/],
    [
      'a certificate from another CA',
      () => issueByAnotherCa(site.device.id),
      status.UNAVAILABLE,
      /client certificate of \S+ is from another CA \(Cordon CA /,
    ],
    [
      'an expired certificate',
      () => issueDevice(site.server.folder, site.device.id, 30, Date.now() - 31 * DAY_MS),
      status.UNAVAILABLE,
      /client certificate of \S+ has expired \(/,
    ],
    [
      'a certificate that is not valid yet',
      () => issueDevice(site.server.folder, site.device.id, 30, Date.now() + DAY_MS),
      status.UNAVAILABLE,
      /is not valid before .*: check the clocks/,
    ],
    [
      'a certificate that was made for a server',
      () =>
        issueUnrecorded(site.server.folder, (ca, { publicKey }) =>
          ca.issueServer(['localhost'], publicKey, { days: 1, now: Date.now() }),
        ),
      status.UNAVAILABLE,
      /was not accepted \(INVALID_PURPOSE\)/,
    ],
    [
      'a certificate of the right CA that is not on record',
      () => issueDevice(site.server.folder, site.device.id, 30, Date.now()),
      status.PERMISSION_DENIED,
      /the certificate [0-9a-f]{64} is not on record/,
    ],
    [
      'the certificate of a removed device',
      () => Promise.resolve(site.removed),
      status.PERMISSION_DENIED,
      /is not on record: removed, replaced or foreign/,
    ],
    [
      'the certificate of a banned device',
      () => Promise.resolve(site.banned),
      status.PERMISSION_DENIED,
      /device \S+ is banned; an administrator can unban it/,
    ],
  ];
  for (const [what, make, code, reason] of certificates) {
    it(`refuses a stream with ${what}`, () =>
      site.leavesOnly(reason, async () => {
        const stream = new RawStream(site.server, await make());
        stream.hello(site.device.id);
        const ended = await stream.ended;
        stream.close();
        expect(status[ended.code]).to.equal(status[code]);
      }));
  }

  describe('over an open stream', () => {
    let stream: RawStream;

    before(async () => {
      stream = new RawStream(site.server, site.device);
      stream.hello(site.device.id);
      await stream.heard('welcome');
    });

    after(() => stream.close());

    const ofStream: [string, () => Promise<Buffer>, RegExp][] = [
      [
        'for the id of another device',
        async () => makeCsr(await makeKeys('P-256'), newId()),
        /certificate signing request: names device \S+, not /,
      ],
      ['with a P-384 key', async () => makeCsr(await makeKeys('P-384'), site.device.id), /not P-256/],
      ['with an RSA key', async () => makeCsr(await makeKeys('RSA'), site.device.id), /not P-256/],
      ['with a broken signature', forgedCsr, /is not signed by its own key/],
    ];
    for (const [what, make, reason] of ofStream) {
      it(`answers a request ${what} with the reason, and the stream goes on`, () =>
        site.leavesOnly(reason, async () => {
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
});
