import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { arch, hostname, networkInterfaces, totalmem, userInfo } from 'node:os';
import { arpCollector } from '../../../agent/detect/collect/windows/arp-item.js';
import { dnsCollector } from '../../../agent/detect/collect/windows/dns-item.js';
import { eventLogCollector } from '../../../agent/detect/collect/windows/event-log-item.js';
import { fileFacts } from '../../../agent/detect/collect/windows/file-facts.js';
import { portCollector } from '../../../agent/detect/collect/windows/port-item.js';
import { processCollector } from '../../../agent/detect/collect/windows/process-item.js';
import { serviceCollector } from '../../../agent/detect/collect/windows/service-item.js';
import { systemInfoCollector } from '../../../agent/detect/collect/windows/system-info-item.js';
import { userCollector } from '../../../agent/detect/collect/windows/user-item.js';
import { volumeCollector } from '../../../agent/detect/collect/windows/volume-item.js';
import { sidText } from '../../../agent/windows/sid.js';
import { processUser } from '../../../agent/windows/process-identity.js';
import {
  collectAll,
  expectEveryTerm,
  expectItem,
  has,
  only,
  valuesOf,
  type HitAndMiss,
} from './detect-items.js';
import { firstList } from './first-list.js';
import { registryText, registryWriter } from './write-registry.js';

const USER = userInfo().username;
const ABSENT = 'not available here';

describe('processes of Windows', () => {
  const collector = processCollector();
  /** Wine does not tell command lines; PE of the double is not needed for what stands in the structure (unit test). */
  const NOT_BY_WINE = ['arguments'];
  let socket: Socket;

  before(async function () {
    this.timeout(60_000);
    await firstList();
    socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
  });
  after(() => void socket.close());

  it('are this one, with what can be asked of it, and not what it nearly is', async () => {
    const began = Date.now() - performance.now();
    const { items, problems } = await collectAll(collector);
    const item = only(items, { pid: process.pid });
    const sid = sidText(await processUser());
    const { port } = socket.address();
    const shown: Record<string, HitAndMiss> = {
      pid: [process.pid, process.pid + 1],
      parentpid: [process.ppid, process.pid],
      name: ['node.exe', 'node'],
      path: ['C:\\cordon\\node.exe', 'C:\\cordon\\node'],
      Username: [USER, `${USER}x`],
      SecurityID: [sid, `${sid}0`],
      startTime: [/^\d{13}$/, 0],
      kernelTime: [/^\d+(\.\d+)?$/, -1],
      userTime: [/^\d+(\.\d+)?$/, -1],
      'SectionList/MemorySection/Name': [/\\ntdll\.dll$/i, /\\ntdll2\.dll$/i],
      'PortList/PortItem/localPort': [port, port + 1],
      'PortList/PortItem/localIP': ['127.0.0.1', '127.0.0.2'],
      'PortList/PortItem/protocol': ['UDP', 'UDPLITE'],
    };
    expectItem(item, shown);
    expect(valuesOf(item, 'startTime')[0]).to.be.within(began - 5_000, began + 5_000);
    // Wine finds the owner of a TCP socket by chance only, and a datagram socket has neither state nor another end.
    const ofTcp = ['state', 'remoteIP', 'remotePort'].map((property) => `PortList/PortItem/${property}`);
    expectEveryTerm(collector, Object.keys(shown), NOT_BY_WINE, ofTcp);
    expect(problems).to.deep.equal([
      `ProcessItem/arguments: ${ABSENT}: this Windows does not tell command lines`,
    ]);
  });

  it('come and go', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const terms = new Set(['ProcessItem/pid']);
    const listed = async (): Promise<number> =>
      (await collectAll(collector, {}, terms)).items.filter((item) => has(item, 'pid', child.pid ?? -1))
        .length;
    expect(await listed()).to.equal(1);
    const ended = once(child, 'exit');
    child.kill();
    await ended;
    expect(await listed()).to.equal(0);
  });
});

describe('ports of Windows', () => {
  const collector = portCollector();
  let server: Server;
  let socket: Socket;

  before(async function () {
    this.timeout(60_000);
    await firstList();
    server = createServer().listen(0, '::1');
    socket = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
  });
  after(() => {
    server.close();
    socket.close();
  });

  it('are the sockets of this process', async () => {
    const { items, problems } = await collectAll(collector);
    const udp = only(items, { protocol: 'UDP', localPort: socket.address().port });
    const ofProcess: Record<string, HitAndMiss> = {
      pid: [process.pid, process.pid + 1],
      process: ['node.exe', 'node'],
      path: ['C:\\cordon\\node.exe', 'C:\\node.exe'],
      protocol: ['UDP', 'TCP'],
      isIPv6: [false, true],
      localIP: ['127.0.0.1', '127.0.0.2'],
    };
    expectItem(udp, ofProcess);
    const { port } = server.address() as AddressInfo;
    const tcp: Record<string, HitAndMiss> = {
      localPort: [port, port + 1],
      state: ['LISTENING', 'LISTEN'],
      localIP: ['::1', '::2'],
      isIPv6: [true, false],
    };
    expectItem(only(items, { protocol: 'TCP', localPort: port }), tcp);
    const client = await import('node:net').then(({ createConnection }) =>
      createConnection({ host: '::1', port }),
    );
    await once(client, 'connect');
    const connected = only((await collectAll(collector)).items, {
      protocol: 'TCP',
      localPort: client.localPort ?? 0,
    });
    const remote: Record<string, HitAndMiss> = {
      remoteIP: ['::1', '::'],
      remotePort: [port, client.localPort ?? 0],
      state: ['ESTABLISHED', 'ESTAB'],
    };
    expectItem(connected, remote);
    client.destroy();
    expectEveryTerm(collector, [...new Set([ofProcess, tcp, remote].flatMap((shown) => Object.keys(shown)))]);
    expect(problems).to.deep.equal([]);
  });
});

describe('neighbours of Windows', () => {
  const collector = arpCollector();

  it('are those of ARP, on an interface that Windows names', async () => {
    const { items, problems } = await collectAll(collector);
    const adapters = Object.keys(networkInterfaces());
    // Wine has an entry of the loopback interface for each group that it is in.
    const item = items.find((one) => has(one, 'CacheType', 'Static'));
    if (item === undefined) throw new Error('Wine lists no neighbour');
    const shown: Record<string, HitAndMiss> = {
      IPv4Address: [/^2\d\d\.\d+\.\d+\.\d+$/, '0.0.0.0'],
      Interface: [new RegExp(`^(${adapters.join('|')})$`), 'eth'],
      InterfaceType: [/^(Loopback|Ethernet)$/, 'loopback'],
      CacheType: ['Static', 'Dynamic'],
      State: ['Permanent', 'Reachable'],
      IsRouter: [false, true],
    };
    expectItem(item, shown);
    // Wine keeps no neighbours of IPv6, and has no link-layer address of a group: those are in the unit test.
    expectEveryTerm(collector, Object.keys(shown), ['IPv6Address', 'PhysicalAddress']);
    expect(problems).to.deep.equal([
      `ArpEntryItem/IPv6Address: ${ABSENT}: GetIpNetTable2 failed with Windows error 1`,
    ]);
  });
});

describe('services of Windows', () => {
  const collector = serviceCollector();
  const BITS = 'SYSTEM\\CurrentControlSet\\Services\\BITS';

  it('are those of the service manager, with the library that svchost.exe loads for them', async () => {
    const { items } = await collectAll(collector);
    const item = only(items, { name: 'BITS' });
    const hash = (name: string, file: string): string =>
      createHash(name)
        .update(readFileSync(`C:\\windows\\system32\\${file}`))
        .digest('hex');
    const hashes = (['md5', 'sha1', 'sha256'] as const).flatMap((name): [string, HitAndMiss][] => [
      [`path${name}sum`, [hash(name, 'svchost.exe'), hash(name, 'qmgr.dll')]],
      [`serviceDLL${name}sum`, [hash(name, 'qmgr.dll'), hash(name, 'svchost.exe')]],
    ]);
    const shown: Record<string, HitAndMiss> = {
      name: ['BITS', 'BIT'],
      descriptiveName: ['BITS Service', 'BITS'],
      description: [/BITS/, /BITTS/],
      mode: ['SERVICE_DEMAND_START', 'SERVICE_AUTO_START'],
      status: [/^SERVICE_(STOPPED|RUNNING)$/, 'SERVICE_PAUSED'],
      path: ['C:\\windows\\system32\\svchost.exe', 'svchost.exe'],
      arguments: ['-k netsvcs', 'netsvcs'],
      serviceDLL: ['C:\\windows\\system32\\qmgr.dll', 'qmgr.dll'],
      startedAs: ['LocalSystem', 'LocalService'],
      type: [/^SERVICE_WIN32_(OWN|SHARE)_PROCESS$/, 'SERVICE_KERNEL_DRIVER'],
      ...Object.fromEntries(hashes),
    };
    expectItem(item, shown);
    const running = items.find((one) => has(one, 'pid', /^\d+$/));
    expect(running && valuesOf(running, 'status')).to.deep.equal(['SERVICE_RUNNING']);
    expect(valuesOf(only(items, { name: 'PlugPlay' }), 'pid')[0]).to.be.greaterThan(0);
    expectEveryTerm(collector, Object.keys(shown), ['pid']);
    expectItem(only(items, { name: 'MountMgr' }), {
      type: ['SERVICE_KERNEL_DRIVER', 'SERVICE_WIN32_OWN_PROCESS'],
      path: [/^C:\\windows\\system32\\drivers\\mountmgr\.sys$/i, /systemroot/i],
    });
  });

  it('are not hashed where no document asks for it, and tell what cannot be hashed', async () => {
    const writer = await registryWriter();
    writer.set(
      'HKLM',
      `${BITS}\\Parameters`,
      'ServiceDll',
      2,
      registryText('%SystemRoot%\\system32\\gone.dll'),
    );
    const cheap = new Set(['ServiceItem/name', 'ServiceItem/serviceDLL']);
    const { items, problems } = await collectAll(collector, {}, cheap);
    const item = only(items, { name: 'BITS' });
    expectItem(item, { serviceDLL: ['C:\\windows\\system32\\gone.dll', 'C:\\windows\\system32\\qmgr.dll'] });
    expect(valuesOf(item, 'pathmd5sum')).to.deep.equal([]);
    expect(problems).to.deep.equal([]);
    const asked = await collectAll(collector, {}, new Set(['ServiceItem/serviceDLLmd5sum']));
    expect(asked.problems.join('\n')).to.match(
      /service BITS: hash of C:\\windows\\system32\\gone\.dll: ENOENT/,
    );
  });
});

describe('users of Windows', () => {
  const collector = userCollector();

  it('are the accounts of this computer', async () => {
    const { items, problems } = await collectAll(collector);
    const sid = sidText(await processUser());
    const shown: Record<string, HitAndMiss> = {
      Username: [USER, `${USER}x`],
      'grouplist/groupname': ['Administrators', 'Users'],
      SecurityID: [sid, `${sid}1`],
      SecurityType: ['SidTypeUser', 'SidTypeGroup'],
      userid: [1000, 1001],
      disabled: [false, true],
      lockedout: [false, true],
      passwordrequired: [true, false],
    };
    expectItem(only(items, { Username: USER }), shown);
    // Wine lists its only user without these, and that is said of those which the level lacks.
    const missing = ['LastLogin', 'homedirectory', 'scriptpath'];
    expectEveryTerm(collector, Object.keys(shown), missing, ['fullname', 'description']);
    expect(problems).to.deep.equal(
      missing.map((property) => `UserItem/${property}: ${ABSENT}: this Windows lists its users without it`),
    );
  });
});

describe('volumes of Windows', () => {
  const collector = volumeCollector();

  it('are those that have a letter', async () => {
    const { items, problems } = await collectAll(collector);
    const item = only(items, { DriveLetter: 'C:' });
    const shown: Record<string, HitAndMiss> = {
      DriveLetter: ['C', 'c'],
      Type: ['DRIVE_FIXED', 'DRIVE_REMOTE'],
      VolumeName: [/^\\\\\?\\Volume\{[0-9a-f-]{36}\}\\$/, 'C:'],
      DevicePath: ['\\Device\\HarddiskVolume1', '\\Device\\HarddiskVolume'],
      MountPoint: ['C:\\', 'C'],
      IsMounted: [true, false],
      FileSystemName: ['NTFS', 'FAT32'],
      SerialNumber: [0x4300_0000, 0x4300_0001],
      BytesPerSector: [512, 513],
      SectorsPerAllocationUnit: [/^\d+$/, 0],
      TotalAllocationUnits: [/^[1-9]\d+$/, 0],
      ActualAvailableAllocationUnits: [/^[1-9]\d+$/, 0],
    };
    expectItem(item, shown);
    // Wine's drive has no label; a volume with one is in the unit test.
    expectEveryTerm(collector, Object.keys(shown), ['Name']);
    expect(problems).to.deep.equal([]);
  });
});

describe('this computer as Windows describes it', () => {
  const collector = systemInfoCollector();

  it('is one item', async () => {
    const writer = await registryWriter();
    const version = 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion';
    const tcpip = 'SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters';
    const board = 'HARDWARE\\DESCRIPTION\\System';
    for (const [path, name, text] of [
      [version, 'RegisteredOwner', 'An Owner'],
      [version, 'RegisteredOrganization', 'An Organization'],
      [tcpip, 'Domain', 'corp.example'],
      [`${tcpip}\\Interfaces\\{1}`, 'DhcpServer', '192.0.2.53'],
      [`${tcpip}\\Interfaces\\{1}`, 'DhcpDefaultGateway', '192.0.2.1'],
      [board, 'SystemBiosDate', '04/01/14'],
    ] as const) {
      writer.set('HKLM', path, name, 1, registryText(text));
    }
    const bios = Buffer.from('BOCHS - 1\0Other\0\0', 'utf16le');
    writer.set('HKLM', board, 'SystemBiosVersion', 7, bios);
    const { items, problems } = await collectAll(collector);
    const networks = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal }) => !internal);
    const network = (property: string): string => `networkArray/networkInfo/${property}`;
    const shown: Record<string, HitAndMiss> = {
      hostname: [hostname(), `${hostname()}x`],
      machine: [hostname(), `${hostname()}x`],
      domain: ['corp.example', 'example'],
      OS: ['Microsoft Windows 7', 'Windows'],
      OSbitness: [arch() === 'x64' ? '64-bit' : '32-bit', '16-bit'],
      platform: ['windows', 'linux'],
      productName: ['Microsoft Windows 7', 'Microsoft Windows 8'],
      patchLevel: ['Service Pack 1', 'Service Pack 2'],
      buildNumber: ['7601', '7600'],
      kernelVersion: ['6.1.7601', '6.1'],
      processor: [/\w/, ''],
      procType: [/Family \d+ Model/, 'Family'],
      timezone: [/\w/, ''],
      timezoneStandard: [/\w/, ''],
      user: [USER, `${USER}x`],
      loggedOnUser: [USER, `${USER}x`],
      'biosInfo/biosVersion': ['Other', 'BOCHS'],
      'biosInfo/biosDate': ['04/01/14', '04/01/15'],
      directory: [/^C:\\windows$/i, 'C:'],
      regOwner: ['An Owner', 'Owner'],
      regOrg: ['An Organization', 'Organization'],
      productID: ['12345-oem-0000001-54321', '12345'],
      totalphysical: [totalmem(), totalmem() + 1],
      availphysical: [/^\d+$/, 0],
      date: [/^\d{13}$/, 0],
      installDate: [/^\d{12,13}$/, 0],
      uptime: [/^\d+/, 0],
    };
    const ofNetwork: Record<string, HitAndMiss> = {
      MAC: [networks[0]?.mac ?? '', '02:00:00:00:00:00'],
      primaryIpAddress: [/[.:]/, '0.0.0.0'],
      [network('adapter')]: [/\w/, ''],
      [network('MAC')]: [networks[0]?.mac ?? '', '02:00:00:00:00:00'],
      [network('ipArray/ipInfo/subnetMask')]: [networks[0]?.netmask ?? '', '255.255.255.254'],
      [network('ipGatewayArray/ipGateway')]: ['192.0.2.1', '192.0.2.2'],
      [network('dhcpServerArray/dhcpServer')]: ['192.0.2.53', '192.0.2.5'],
    };
    for (const [family, primary, property] of [
      ['IPv4', 'primaryIpv4Address', 'ipArray/ipInfo/ipAddress'],
      ['IPv6', 'primaryIpv6Address', 'ipArray/ipInfo/ipv6Address'],
    ] as const) {
      const address = networks.find((one) => one.family === family)?.address;
      const either: HitAndMiss = [address ?? '', '203.0.113.1'];
      // A computer without addresses of a family has none to show.
      if (address !== undefined)
        expectItem(items[0] as never, { [primary]: either, [network(property)]: either });
      ofNetwork[primary] = either;
      ofNetwork[network(property)] = either;
    }
    expectItem(only(items, { hostname: hostname() }), shown);
    if (networks.length > 0) {
      for (const [property, expected] of Object.entries(ofNetwork)) {
        if (expected[0] !== '') expectItem(items[0] as never, { [property]: expected });
      }
    }
    expectEveryTerm(collector, Object.keys(shown), Object.keys(ofNetwork));
    expect(problems).to.deep.equal([]);
  });
});

describe('what Wine does not have', () => {
  it('is said of the cache of names', async () => {
    const { items, problems } = await collectAll(dnsCollector());
    expect(items).to.deep.equal([]);
    expect(problems).to.deep.equal([`DnsEntryItem: ${ABSENT}: DnsGetCacheDataTable tells nothing`]);
  });

  it('is said of every log of events', async () => {
    const { items, problems } = await collectAll(eventLogCollector());
    expect(items).to.deep.equal([]);
    expect(problems).to.have.length(10);
    for (const problem of problems) {
      expect(problem).to.match(
        /^log [\w -]+(\/Operational)?: not available here: EvtQuery failed with Windows error/,
      );
    }
  });
});

describe('what only Windows tells about files', () => {
  it('is their attributes and their owner', async () => {
    const facts = await fileFacts();
    expect(facts.attributes('C:\\windows')).to.equal('Directory');
    expect(facts.attributes('C:\\windows\\win.ini')).to.equal('Archive');
    const sid = sidText(await processUser());
    expect(facts.owner('C:\\windows\\win.ini')).to.equal(sid);
    expect(await facts.namesOf(sid)).to.include(USER);
    expect(await facts.namesOf('S-1-5-21-1-2-3-4')).to.deep.equal([]);
    expect(() => facts.attributes('C:\\windows\\win.in')).to.throw(
      'GetFileAttributesW failed with Windows error 2',
    );
    expect(() => facts.owner('C:\\windows\\win.in')).to.throw('GetFileSecurityW failed with Windows error 2');
  });
});
