import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import { expect } from 'chai';
import { defaultRoutes } from '../../../../../../agent/detect/collect/linux/routes.js';
import { systemInfoCollector } from '../../../../../../agent/detect/collect/linux/system-info.js';
import { linuxSystem } from '../../../../../../agent/detect/collect/linux/system.js';
import type { Item } from '../../../../../../agent/detect/item.js';
import { collectAll, itTellsEveryTerm, type Known } from '../term-check.js';
import { temporaryRoot } from './temporary-root.js';

const ADAPTERS = 'networkArray/networkInfo';

async function one(...args: Parameters<typeof systemInfoCollector>): Promise<Item> {
  const { items } = await collectAll(systemInfoCollector(...args));
  const [item] = items;
  if (!item || items.length > 1) throw new Error(`${items.length} items`);
  return item;
}

(process.platform === 'linux' ? describe : describe.skip)('a computer with Linux', () => {
  describe('that this test runs on', () => {
    const text = (command: string, ...args: string[]): string =>
      execFileSync(command, args).toString().trim();
    const now = Date.UTC(2026, 10, 27);
    const collector = systemInfoCollector({ ...linuxSystem(), now: () => now });
    const memory = (name: string): number =>
      Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) *
      1024;
    const known: Record<string, Known> = {
      hostname: text('uname', '-n'),
      machine: text('uname', '-n'),
      OS: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '',
      productName: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '',
      OSbitness: `${text('getconf', 'LONG_BIT')}-bit`,
      platform: 'linux',
      kernelVersion: text('uname', '-r'),
      procType: text('uname', '-m'),
      totalphysical: memory('MemTotal'),
      availphysical: (value) => Math.abs(Number(value) - memory('MemAvailable')) < 1e9,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      date: now,
      uptime: (value) =>
        Math.abs(Number(value) - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])) < 3,
      user: text('id', '-un'),
      [`${ADAPTERS}/adapter`]: 'lo',
      [`${ADAPTERS}/ipArray/ipInfo/ipAddress`]: '127.0.0.1',
      [`${ADAPTERS}/ipArray/ipInfo/subnetMask`]: '255.0.0.0',
    };
    // What every computer has; the rest of it may lack in a container, and is shown below.
    itTellsEveryTerm(
      { terms: new Set(Object.keys(known).map((name) => `SystemInfoItem/${name}`)) },
      async () => ({
        item: (await collectAll(collector)).items[0] as Item,
        known,
      }),
    );
  });

  describe('made up', () => {
    const root = temporaryRoot();
    const interfaces = {
      lo: [entry('127.0.0.1', 'IPv4', '255.0.0.0', '00:00:00:00:00:00', true)],
      eth0: [entry('198.51.100.4', 'IPv4', '255.255.255.0', '02:00:00:00:00:01', false)],
      eth1: [
        entry('192.0.2.2', 'IPv4', '255.255.254.0', '02:fc:00:00:00:01', false),
        entry('fe80::1', 'IPv6', 'ffff:ffff:ffff:ffff::', '02:fc:00:00:00:01', false),
        entry('2001:db8::2', 'IPv6', 'ffff:ffff:ffff:ffff::', '02:fc:00:00:00:01', false),
      ],
    };
    const facts = {
      ...os,
      hostname: () => 'host.corp.example',
      cpus: () => [{ model: ' Some Processor ' }] as os.CpuInfo[],
      networkInterfaces: () => interfaces,
    };

    before(() => {
      // As the kernel and systemd-logind write them.
      root.write('sys/class/dmi/id/bios_version', '1.16.2-1\n');
      root.write('sys/class/dmi/id/bios_date', '04/01/2014\n');
      root.write(
        'run/systemd/sessions/3',
        '# This is private data. Do not parse.\nUID=1000\nUSER=eve\nACTIVE=1\n',
      );
      root.write(
        'proc/net/route',
        [
          'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
          'eth0\t00000000\t016433C6\t0003\t0\t0\t600\t00000000\t0\t0\t0',
          'eth1\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
          'eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FEFFFF\t0\t0\t0',
          '',
        ].join('\n'),
      );
      root.write(
        'proc/net/ipv6_route',
        [
          '00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth1',
          '00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo',
          '',
        ].join('\n'),
      );
    });

    after(() => root.remove());

    const all = systemInfoCollector(root.system(), facts).terms;
    const shown = [
      'domain',
      'processor',
      'biosInfo/biosVersion',
      'biosInfo/biosDate',
      'loggedOnUser',
      'MAC',
      'primaryIpAddress',
      'primaryIpv4Address',
      'primaryIpv6Address',
      `${ADAPTERS}/MAC`,
      `${ADAPTERS}/ipArray/ipInfo/ipv6Address`,
      `${ADAPTERS}/ipGatewayArray/ipGateway`,
    ].map((name) => `SystemInfoItem/${name}`);

    itTellsEveryTerm({ terms: new Set([...all].filter((term) => shown.includes(term))) }, async () => ({
      item: await one(root.system(), facts),
      known: {
        domain: 'corp.example',
        processor: 'Some Processor',
        'biosInfo/biosVersion': '1.16.2-1',
        'biosInfo/biosDate': '04/01/2014',
        loggedOnUser: 'eve',
        MAC: '02:fc:00:00:00:01',
        primaryIpAddress: '192.0.2.2',
        primaryIpv4Address: '192.0.2.2',
        primaryIpv6Address: '2001:db8::2',
        [`${ADAPTERS}/MAC`]: '02:00:00:00:00:01',
        [`${ADAPTERS}/ipArray/ipInfo/ipv6Address`]: 'fe80::1',
        [`${ADAPTERS}/ipGatewayArray/ipGateway`]: '2001:db8::1',
      },
    }));

    it('has its default routes in the order in which they are taken', () => {
      expect(defaultRoutes(root.system().files).map(({ gateway }) => gateway)).to.deep.equal([
        '192.0.2.1',
        '198.51.100.1',
        '2001:db8::1',
      ]);
    });

    it('has a domain of its resolver where its name has none', async () => {
      root.write('etc/resolv.conf', 'nameserver 192.0.2.53\nsearch office.example other.example\n');
      const item = await one(root.system(), { ...facts, hostname: () => 'host' });
      expect(item.values.get('SystemInfoItem/domain')).to.deep.equal(['office.example']);
    });

    it('leaves no term to be shown nowhere', () => {
      const real = [
        'hostname machine OS productName OSbitness platform kernelVersion procType totalphysical availphysical',
        'timezone date uptime user',
        `${ADAPTERS}/adapter ${ADAPTERS}/ipArray/ipInfo/ipAddress ${ADAPTERS}/ipArray/ipInfo/subnetMask`,
      ].flatMap((names) => names.split(' ').map((name) => `SystemInfoItem/${name}`));
      expect([...all].sort()).to.deep.equal([...real, ...shown].sort());
    });
  });
});

function entry(
  address: string,
  family: 'IPv4' | 'IPv6',
  netmask: string,
  mac: string,
  internal: boolean,
): os.NetworkInterfaceInfo {
  return {
    address,
    netmask,
    mac,
    internal,
    cidr: null,
    ...(family === 'IPv6' ? { family, scopeid: 0 } : { family }),
  };
}
