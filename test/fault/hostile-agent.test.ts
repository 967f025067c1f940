import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { DeviceServiceService, ListDevicesRequest } from '../../shared/gen/cordon/v1/device_service.js';
import { ConnectionState } from '../../shared/gen/cordon/v1/device.js';
import type { Credentials } from '../../bench/fleet/credentials.js';
import { RawStream, enrolMany } from './enrolled.js';
import { RealServer, type ManagementClient } from './real-server.js';

const HEARTBEAT = {
  $case: 'heartbeat',
  value: {
    observedGeneration: 0n,
    appliedHash: Buffer.alloc(0),
    observedHash: Buffer.alloc(0),
    droppedEvents: 0n,
    unknownMessages: 0,
  },
} as const;

describe('an agent that breaks the protocol, over real TLS', () => {
  let server: RealServer;
  let client: ManagementClient;
  let bystander: RawStream;
  let hostile: Credentials;
  const open: RawStream[] = [];

  const stream = (identity: Credentials): RawStream => {
    const raw = new RawStream(server, identity);
    open.push(raw);
    return raw;
  };

  before(async () => {
    server = await RealServer.open();
    client = server.connect();
    const [first, second] = await enrolMany(client, 2);
    if (!first || !second) throw new Error('nothing enrolled');
    bystander = stream(first);
    bystander.hello(first.id);
    await bystander.heard('welcome');
    hostile = second;
  });

  after(async () => {
    for (const raw of open) raw.close();
    client.close();
    await server.close();
  });

  /** The bystander's stream still carries messages both ways. */
  async function bystanderLives(): Promise<void> {
    const heard = bystander.said.length;
    bystander.send(HEARTBEAT);
    bystander.send({
      $case: 'event',
      value: { id: '0198a1b2-0000-7000-8000-000000000001', occurredAt: undefined, event: undefined },
    });
    const deadline = performance.now() + 3_000;
    while (bystander.said.length === heard && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(bystander.said.length, 'messages to the bystander').to.be.above(heard);
  }

  const wrongs: [string, (raw: RawStream) => void, status, RegExp][] = [
    [
      'bytes that are no message',
      (raw) => raw.sendRaw(Buffer.from('ff'.repeat(40), 'hex')),
      status.INVALID_ARGUMENT,
      /not a message/,
    ],
    [
      'a first message that is not Hello',
      (raw) => raw.send(HEARTBEAT),
      status.INVALID_ARGUMENT,
      /must be Hello/,
    ],
    [
      'a message with an unknown case',
      (raw) => raw.sendRaw(Buffer.from([8, 1, 0xfa, 0x07, 0])),
      status.INVALID_ARGUMENT,
      /must be Hello/,
    ],
    ['an empty message', (raw) => raw.sendRaw(Buffer.alloc(0)), status.INVALID_ARGUMENT, /seq is 0/],
    [
      'a message over 1 MiB',
      (raw) => raw.sendRaw(Buffer.alloc(1024 * 1024 + 1)),
      status.RESOURCE_EXHAUSTED,
      /larger/,
    ],
    [
      'a Hello in the name of another device',
      (raw) => raw.hello('0198a1b2-0000-7000-8000-000000000000'),
      status.INVALID_ARGUMENT,
      /certificate belongs to/,
    ],
  ];
  for (const [what, say, code, message] of wrongs) {
    it(`ends the stream on ${what}, and no other`, async () => {
      const raw = stream(hostile);
      say(raw);
      const ended = await raw.ended;
      expect(status[ended.code]).to.equal(status[code]);
      expect(ended.details).to.match(message);
      await bystanderLives();
    });
  }

  it('ends an open stream on an unknown case after Hello', async () => {
    const raw = stream(hostile);
    raw.hello(hostile.id);
    await raw.heard('welcome');
    raw.sendRaw(Buffer.from([8, 2, 0xfa, 0x07, 0]));
    const ended = await raw.ended;
    expect(status[ended.code]).to.equal('INVALID_ARGUMENT');
    expect(ended.details).to.match(/without a payload/);
    await bystanderLives();
  });

  it('survives a thousand streams of random bytes', async function () {
    this.timeout(60_000);
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const raw = stream(hostile);
          raw.sendRaw(
            Buffer.from(
              Array.from({ length: 1 + index * 7 }, (__, at) => (at * 31 + round * 17 + index) & 0xff),
            ),
          );
          const ended = await raw.ended;
          expect(ended.code).to.not.equal(status.OK);
          raw.close();
        }),
      );
    }
    await bystanderLives();
    const { devices } = await client.call(
      DeviceServiceService.listDevices,
      ListDevicesRequest.fromPartial({}),
    );
    const online = devices.filter(({ connection }) => connection === ConnectionState.CONNECTION_STATE_ONLINE);
    expect(online).to.have.length(1);
  });
});
