import { expect } from 'chai';
import { NEIGHBOUR_STATES, readNeighbours } from '../../../../../../agent/detect/collect/windows/arp-item.js';
import { readCache, readRecords } from '../../../../../../agent/detect/collect/windows/dns-item.js';
import { readEvent } from '../../../../../../agent/detect/collect/windows/event-xml.js';
import { attributesText } from '../../../../../../agent/detect/collect/windows/file-facts.js';
import { MIB_IPNET_ROW2, MIB_IPNET_TABLE2 } from '../../../../../../agent/detect/collect/windows/layout.js';
import { fileTime, textWithin, type Memory } from '../../../../../../agent/detect/collect/windows/memory.js';
import { commandLineIn } from '../../../../../../agent/detect/collect/windows/process-calls.js';
import { processCollector } from '../../../../../../agent/detect/collect/windows/process-item.js';
import { splitCommand } from '../../../../../../agent/detect/collect/windows/service-command.js';
import { readUser } from '../../../../../../agent/detect/collect/windows/user-list.js';
import {
  volumeCollector,
  type VolumeCalls,
} from '../../../../../../agent/detect/collect/windows/volume-item.js';
import { windowsCollectors } from '../../../../../../agent/detect/collect/windows/all.js';
import type { Collector, Item } from '../../../../../../agent/detect/item.js';
import { WindowsError } from '../../../../../../agent/windows/library.js';
import { ITEM_TYPES } from '../../../../../../shared/ioc/model.js';
import { lookUpTerm, TERMS } from '../../../../../../shared/ioc/terms.js';

async function collect(
  collector: Collector,
  terms = collector.terms,
): Promise<{ items: Item[]; problems: string[] }> {
  const problems: string[] = [];
  const items: Item[] = [];
  for await (const item of collector.collect({
    terms,
    problem: (subject, detail) => void problems.push(`${subject}: ${detail}`),
    signal: new AbortController().signal,
    literals: new Map(),
  })) {
    items.push(item);
  }
  return { items, problems };
}

const values = (item: Item | undefined): Record<string, unknown> => Object.fromEntries(item?.values ?? []);

describe('collectors of Windows', () => {
  it('are there for every kind of items but files, and load on every platform', () => {
    expect(
      windowsCollectors()
        .map(({ type }) => type)
        .sort(),
    ).to.deep.equal(ITEM_TYPES.filter((type) => type !== 'FileItem').sort());
  });

  it('say that they have nothing where this is no Windows', async () => {
    if (process.platform === 'win32') return;
    for (const collector of windowsCollectors()) {
      if ('unavailable' in collector) continue;
      const { items, problems } = await collect(collector);
      expect(items, collector.type).to.deep.equal([]);
      expect(problems, collector.type).to.have.length(1);
      expect(problems[0]).to.match(new RegExp(`^${collector.type}: not available here: `));
    }
  });
});

describe('terms that collectors of Windows tell', () => {
  it('are all in the catalogue', () => {
    for (const collector of windowsCollectors()) {
      if ('unavailable' in collector) continue;
      for (const term of collector.terms) expect(lookUpTerm(term)?.term, term).to.equal(term);
    }
  });

  it('are those of the catalogue, but for a few that Windows does not keep', () => {
    const told = new Set(windowsCollectors().flatMap((one) => ('unavailable' in one ? [] : [...one.terms])));
    const missing = TERMS.filter(({ term, itemType }) => itemType !== 'FileItem' && !told.has(term));
    expect(missing.map(({ term }) => term).sort()).to.deep.equal([
      'EventLogItem/category',
      'Network/DNS',
      'Network/URI',
      'PortItem/CreationTime',
      'SystemInfoItem/containmentState',
      'SystemInfoItem/networkArray/networkInfo/description',
      'UserItem/shell',
      'VolumeItem/CreationTime',
    ]);
  });
});

describe('commands of services', () => {
  const environment = { SystemRoot: 'C:\\Windows', ProgramFiles: 'C:\\Program Files' };
  for (const [command, path, rest] of [
    [
      'C:\\Windows\\system32\\svchost.exe -k netsvcs -p',
      'C:\\Windows\\system32\\svchost.exe',
      '-k netsvcs -p',
    ],
    ['"C:\\Program Files\\A b\\c.exe" /x "y z"', 'C:\\Program Files\\A b\\c.exe', '/x "y z"'],
    ['C:\\Program Files\\A b\\c.exe /x', 'C:\\Program Files\\A b\\c.exe', '/x'],
    ['%ProgramFiles%\\a.exe', 'C:\\Program Files\\a.exe', ''],
    ['%systemroot%\\a.exe %UNKNOWN%', 'C:\\Windows\\a.exe', '%UNKNOWN%'],
    ['\\SystemRoot\\System32\\drivers\\evil.sys', 'C:\\Windows\\System32\\drivers\\evil.sys', ''],
    ['system32\\DRIVERS\\evil.sys', 'C:\\Windows\\system32\\DRIVERS\\evil.sys', ''],
    ['\\??\\C:\\evil.sys', 'C:\\evil.sys', ''],
    ['"C:\\never ended.exe', 'C:\\never ended.exe', ''],
    ['C:\\evil without ending', 'C:\\evil', 'without ending'],
    ['', '', ''],
  ] as const) {
    it(`are split: ${command === '' ? '(empty)' : command}`, () => {
      expect(splitCommand(command, environment)).to.deep.equal({ path, arguments: rest });
    });
  }
});

describe('events in XML', () => {
  const event = (system: string, data = ''): string =>
    `<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>${system}</System>${data}</Event>`;

  it('keep what their source adds apart from what Windows says', () => {
    const read = readEvent(
      event(
        '<Provider Name="S"/><EventID>1</EventID><Channel>Security</Channel><Keywords>0x8020000000000000</Keywords>',
        '<UserData><Own><EventID>2</EventID><Channel>Mine</Channel><Deep><Level>5</Level></Deep></Own></UserData>',
      ),
    );
    expect(read).to.include({ id: 1, log: 'Security', source: 'S', keywords: 0x8020000000000000n });
    expect(read.level).to.equal(undefined);
    expect(read.data).to.deep.equal(['2', 'Mine', '5']);
  });

  it('do not let a source write over what Windows says with attributes of its own', () => {
    const read = readEvent(
      event(
        '<Provider Name="True"/><Security UserID="S-1-5-18"/>',
        '<UserData><Provider Name="False"/></UserData>',
      ),
    );
    expect(read.source).to.equal('True');
  });

  it('are refused where they are no XML, and cut where they are long', () => {
    expect(() => readEvent('<Event><System>')).to.throw();
    expect(() => readEvent('&evil;')).to.throw();
    const long = readEvent(event('', `<EventData><Data>${'x'.repeat(100_000)}</Data></EventData>`));
    expect(long.data[0]).to.have.length(32_768);
  });
});

describe('neighbours in a table', () => {
  it('have a link-layer address, over both families', () => {
    const { fields, size } = MIB_IPNET_ROW2;
    const rows = [
      { family: 2, at: fields['Address.Ipv4.sin_addr'].offset, address: 'c0000201', router: 0 },
      {
        family: 23,
        at: fields['Address.Ipv6.sin6_addr'].offset,
        address: '20010db8000000000000000000000001',
        router: 1,
      },
    ].map(({ family, at, address, router }) => {
      const row = Buffer.alloc(size);
      row.writeUInt16LE(family, 0);
      row.write(address, at, 'hex');
      row.write('02fc00000001', fields.PhysicalAddress.offset, 'hex');
      row.writeUInt32LE(6, fields.PhysicalAddressLength.offset);
      row.writeUInt32LE(NEIGHBOUR_STATES.indexOf('Stale'), fields.State.offset);
      row.writeUInt8(router, fields.Flags.offset);
      row.writeBigUInt64LE(71n << 48n, fields.InterfaceLuid.offset);
      return row;
    });
    const table = Buffer.concat([Buffer.alloc(MIB_IPNET_TABLE2.fields.Table.offset), ...rows]);
    const [four, six] = [...readNeighbours(table, (luid) => `interface ${luid >> 48n}`)].map(values);
    const shared = {
      'ArpEntryItem/PhysicalAddress': ['02:fc:00:00:00:01'],
      'ArpEntryItem/Interface': ['interface 71'],
      'ArpEntryItem/InterfaceType': ['Wi-Fi'],
      'ArpEntryItem/CacheType': ['Dynamic'],
      'ArpEntryItem/State': ['Stale'],
    };
    expect(four).to.deep.equal({
      ...shared,
      'ArpEntryItem/IPv4Address': ['192.0.2.1'],
      'ArpEntryItem/IsRouter': [false],
    });
    expect(six).to.deep.equal({
      ...shared,
      'ArpEntryItem/IPv6Address': ['2001:db8::1'],
      'ArpEntryItem/IsRouter': [true],
    });
  });

  it('end where the table ends, whatever length a link-layer address claims', () => {
    const table = Buffer.alloc(MIB_IPNET_TABLE2.fields.Table.offset + MIB_IPNET_ROW2.size + 10);
    table.writeUInt32LE(
      4_000_000_000,
      MIB_IPNET_TABLE2.fields.Table.offset + MIB_IPNET_ROW2.fields.PhysicalAddressLength.offset,
    );
    expect([...readNeighbours(table, () => '')]).to.have.length(1);
  });
});

describe('memory that Windows has filled', () => {
  const fake: Memory = {
    bytes: (_address, length) => Buffer.alloc(length, 1),
    text: () => 'again.example',
    addressOf: () => 1000n,
  };

  it('is left where a list has no end', () => {
    const freed: bigint[] = [];
    expect(readCache(1n, fake, (block) => void freed.push(block))).to.have.length(100_000);
    expect(readRecords(1n, fake)).to.have.length(1_000);
    expect(readCache(0n, fake, () => undefined)).to.deep.equal([]);
  });

  it('gives no text from outside of it', () => {
    const buffer = Buffer.from('abc\0def', 'utf16le');
    expect(textWithin(buffer, 1000n, 1000n)).to.equal('abc');
    for (const address of [0n, 999n, 1014n, 1008n])
      expect(textWithin(buffer, 1000n, address)).to.equal(undefined);
  });

  it('holds a command line behind its length', () => {
    const line = Buffer.from('evil.exe /s', 'utf16le');
    const buffer = Buffer.concat([Buffer.alloc(16), line, Buffer.alloc(2)]);
    buffer.writeUInt16LE(line.length, 0);
    buffer.writeBigUInt64LE(1016n, 8);
    expect(commandLineIn(buffer, fake)).to.equal('evil.exe /s');
    buffer.writeBigUInt64LE(5000n, 8);
    expect(commandLineIn(buffer, fake)).to.equal('');
  });

  it('holds times since 1601', () => {
    expect(fileTime(116_444_736_000_000_000n)).to.equal(0);
    expect(fileTime(133_485_408_000_000_000n)).to.equal(Date.UTC(2024, 0, 1));
    expect(fileTime(0n)).to.equal(undefined);
  });

  it('holds users', () => {
    const row = Buffer.alloc(184);
    for (const [at, address] of [
      [0, 1],
      [24, 2],
      [32, 3],
      [48, 4],
      [64, 5],
    ] as const)
      row.writeBigUInt64LE(BigInt(address), at);
    row.writeUInt32LE(1_700_000_000, 96);
    row.writeUInt32LE(0x12, 40);
    expect(readUser(row, { text: (address) => `text ${address}` })).to.deep.equal({
      name: 'text 1',
      home: 'text 2',
      comment: 'text 3',
      script: 'text 4',
      fullName: 'text 5',
      flags: 0x12,
      lastLogon: 1_700_000_000_000,
    });
  });
});

describe('processes of Windows', () => {
  it('have a command line, and are listed without what Windows refuses', async () => {
    let closed = 0;
    const open = (pid: number) => {
      if (pid === 12) throw new WindowsError('OpenProcess', 5);
      if (pid === 13) return undefined;
      return {
        times: () => ({ started: 1000, kernel: 1, user: 2.5 }),
        path: () => 'C:\\evil.exe',
        commandLine: () => 'evil.exe /s',
        user: () => {
          throw new WindowsError('OpenProcessToken', 5);
        },
        close: () => void (closed += 1),
      };
    };
    const calls = {
      list: () => [0, 4, 11, 12, 13].map((pid) => ({ pid, parent: 1, name: `p${pid}` })),
      open,
      modules: () => ['C:\\evil.dll'],
    };
    const terms = new Set(
      ['arguments', 'path', 'startTime', 'SecurityID', 'SectionList/MemorySection/Name'].map(
        (term) => `ProcessItem/${term}`,
      ),
    );
    const { items, problems } = await collect(
      processCollector(() => Promise.resolve(calls)),
      terms,
    );
    expect(items).to.have.length(5);
    expect(values(items[2])).to.deep.equal({
      'ProcessItem/pid': [11],
      'ProcessItem/parentpid': [1],
      'ProcessItem/name': ['p11'],
      'ProcessItem/path': ['C:\\evil.exe'],
      'ProcessItem/arguments': ['evil.exe /s'],
      'ProcessItem/startTime': [1000],
      'ProcessItem/kernelTime': [1],
      'ProcessItem/userTime': [2.5],
      'ProcessItem/SectionList/MemorySection/Name': ['C:\\evil.dll'],
    });
    expect(problems).to.deep.equal([
      'process 11 (p11): OpenProcessToken failed with Windows error 5',
      'process 12 (p12): OpenProcess failed with Windows error 5',
    ]);
    expect(closed).to.equal(1);
  });
});

describe('volumes of Windows', () => {
  const calls: VolumeCalls = {
    roots: () => ['A:\\', 'C:\\', 'N:\\'],
    type: (root) => ({ 'A:\\': 2, 'C:\\': 3 })[root] ?? 4,
    device: () => '',
    volumeName: () => Promise.resolve(''),
    describe: (root) =>
      root === 'C:\\'
        ? Promise.resolve({
            label: 'System',
            serialNumber: 7,
            fileSystem: 'NTFS',
            bytesPerSector: 512,
            sectorsPerUnit: 8,
            units: 10,
            freeUnits: 5,
          })
        : Promise.reject(new Error(`${root} was asked`)),
  };

  it('have a label; a drive without a medium is not mounted, and a network drive is not asked', async () => {
    const { items, problems } = await collect(volumeCollector(() => Promise.resolve(calls)));
    expect(values(items[1])).to.include.keys('VolumeItem/Name');
    expect(values(items[1])['VolumeItem/Name']).to.deep.equal(['System']);
    expect(items.map((item) => values(item)['VolumeItem/IsMounted'])).to.deep.equal([
      [false],
      [true],
      [false],
    ]);
    expect(items.map((item) => values(item)['VolumeItem/Type'])).to.deep.equal([
      ['DRIVE_REMOVABLE'],
      ['DRIVE_FIXED'],
      ['DRIVE_REMOTE'],
    ]);
    expect(problems).to.deep.equal([
      'drive A:\\: A:\\ was asked',
      'drive N:\\: not available here: a network drive is not asked',
    ]);
  });
});

describe('attributes of files', () => {
  it('are named', () => {
    expect(attributesText(0x27)).to.equal('ReadOnly Hidden System Archive');
    expect(attributesText(0)).to.equal('');
  });
});
