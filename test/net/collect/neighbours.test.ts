import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { arpEntryCollector } from '../../../agent/detect/collect/linux/neighbours.js';
import { linuxSystem } from '../../../agent/detect/collect/linux/system.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../../unit/agent/detect/collect/term-check.js';
import { createSite, requireNetAdmin, type Host, type Site } from '../site/index.js';
import { itNeeding } from '../site/it-needing.js';
import { run } from '../site/run.js';

requireNetAdmin();

const PING = {
  met: spawnSync('ping', ['-V']).status === 0,
  why: 'ping (Debian package iputils-ping) is missing; run "npm run setup"',
};
const MAC = '02:00:00:00:c0:de';

describe('neighbours of a computer', () => {
  let site: Site;
  let device: Host;
  const collector = arpEntryCollector({
    ...linuxSystem(),
    runTool: (tool, _package, args) => run(...device.enter(tool, args)),
  });

  before(async () => {
    site = createSite({ devices: 1, routed: false });
    const [first] = site.devices;
    if (!first) throw new Error('no device');
    device = first;
    // A neighbour that has answered, and two that were entered by hand.
    await device.exec('ping', ['-c', '1', '-W', '2', site.outside.v4]);
    for (const address of ['192.0.2.200', '2001:db8:77::c0de']) {
      const { stderr } = await device.exec('sh', [
        '-c',
        `ip neigh replace ${address} lladdr ${MAC} nud permanent router dev $(ip -o link | sed -n 's/.*: \\(eth[^@:]*\\).*/\\1/p' | head -n 1)`,
      ]);
      expect(stderr).to.equal('');
    }
  });

  after(() => site?.close());

  describe('over IPv4', () => {
    const terms = [...collector.terms].filter((term) => !term.endsWith('IPv6Address'));
    itTellsEveryTerm({ terms: new Set(terms) }, async () => ({
      item: itemWith(await collectAll(collector), 'ArpEntryItem/IPv4Address', '192.0.2.200'),
      known: {
        Interface: (value) => String(value).startsWith('eth'),
        PhysicalAddress: MAC,
        IPv4Address: '192.0.2.200',
        State: 'PERMANENT',
        IsRouter: true,
        CacheType: 'Static',
      },
    }));

    itNeeding(PING, 'are there, too, when they have answered', async () => {
      const item = itemWith(await collectAll(collector), 'ArpEntryItem/IPv4Address', site.outside.v4);
      expect(item.values.get('ArpEntryItem/CacheType')).to.deep.equal(['Dynamic']);
      expect(item.values.get('ArpEntryItem/IsRouter')).to.deep.equal([false]);
    });
  });

  describe('over IPv6', () => {
    itTellsEveryTerm(
      { terms: new Set(['ArpEntryItem/IPv6Address', 'ArpEntryItem/PhysicalAddress']) },
      async () => ({
        item: itemWith(await collectAll(collector), 'ArpEntryItem/IPv6Address', '2001:db8:77::c0de'),
        known: { IPv6Address: '2001:db8:77::c0de', PhysicalAddress: MAC },
      }),
    );
  });

  it('are reported as a problem where ip fails', async () => {
    const failing = arpEntryCollector({
      ...linuxSystem(),
      runTool: () => Promise.resolve({ code: 1, stdout: '', stderr: 'no' }),
    });
    expect(await collectAll(failing)).to.deep.equal({ items: [], problems: ['ArpEntryItem: ip failed: no'] });
  });
});
