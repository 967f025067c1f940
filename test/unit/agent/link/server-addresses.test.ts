import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ServerAddresses } from '../../../../agent/link/server-addresses.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

describe('addresses of the server', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cordon-addresses-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (answer: readonly string[]): ServerAddresses =>
    new ServerAddresses(
      folder,
      [{ host: 'server.example', port: 7443 }],
      { host: 'server.example', port: 7444 },
      new FakeClock(),
      () => Promise.resolve(answer),
    );

  it('survive a restart without a look-up', async () => {
    const addresses = open(['192.0.2.1']);
    await addresses.refresh();
    expect(open([]).pinned()).to.deep.equal([
      { address: '192.0.2.1', port: 7443 },
      { address: '192.0.2.1', port: 7444 },
    ]);
  });

  it('are never anything but plain addresses, whoever told them', async () => {
    const addresses = open(['192.0.2.1', 'fe80::1%eth0']);
    await addresses.refresh();
    addresses.learn([
      { address: 'other.example', port: 7443 },
      { address: '192.0.2.1 accept; #', port: 7443 },
      { address: '2001:db8::1', port: 7443 },
    ]);
    expect(addresses.agentEndpoints().map(({ address }) => address)).to.deep.equal([
      '192.0.2.1',
      '2001:db8::1',
    ]);
    const damaged = { agent: [{ address: 'other.example', port: 7443 }], management: [] };
    writeFileSync(join(folder, 'server-addresses.json'), JSON.stringify(damaged));
    expect(open([]).pinned()).to.deep.equal([]);
  });
});
