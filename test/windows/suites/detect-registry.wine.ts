import { expect } from 'chai';
import { userInfo } from 'node:os';
import { registryCollector } from '../../../agent/detect/collect/windows/registry-item.js';
import { sidText } from '../../../agent/windows/sid.js';
import { processUser } from '../../../agent/windows/process-identity.js';
import type { Item } from '../../../agent/detect/item.js';
import {
  collectAll,
  expectEveryTerm,
  expectItem,
  has,
  only,
  valuesOf,
  type Collected,
} from './detect-items.js';
import { registryText, registryWriter, type RegistryWriter } from './write-registry.js';

const RUN = 'Software\\Microsoft\\Windows\\CurrentVersion\\Run';
const EVIL = 'SOFTWARE\\Evil Corp\\Dropper';
const COLLECTOR = registryCollector();
const REG_TYPES = {
  REG_NONE: 0,
  REG_SZ: 1,
  REG_EXPAND_SZ: 2,
  REG_BINARY: 3,
  REG_DWORD: 4,
  REG_DWORD_BIG_ENDIAN: 5,
  REG_MULTI_SZ: 7,
  REG_QWORD: 11,
} as const;

describe('the registry of Windows', () => {
  let writer: RegistryWriter;
  let sid: string;
  const number = (value: number | bigint): Buffer => {
    const bytes = Buffer.alloc(typeof value === 'bigint' ? 8 : 4);
    if (typeof value === 'bigint') bytes.writeBigUInt64LE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  };
  const key = (collected: Collected, path: string): Item =>
    only(collected.items, { Path: path, Type: 'REG_KEY' });
  const value = (collected: Collected, path: string): Item => only(collected.items, { Path: path });

  before(async () => {
    writer = await registryWriter();
    sid = sidText(await processUser());
    const values: [string, keyof typeof REG_TYPES, Buffer][] = [
      ['nothing', 'REG_NONE', Buffer.from([1, 0xfe])],
      ['text', 'REG_SZ', registryText('C:\\Temp\\evil ünïcode.exe')],
      ['expanded', 'REG_EXPAND_SZ', registryText('%TEMP%\\evil.exe')],
      ['bytes', 'REG_BINARY', Buffer.from('00deadbeef', 'hex')],
      ['word', 'REG_DWORD', number(4_000_000_000)],
      ['swapped', 'REG_DWORD_BIG_ENDIAN', number(0x0100_0000)],
      ['list', 'REG_MULTI_SZ', Buffer.from('first\0second one\0\0', 'utf16le')],
      ['quad', 'REG_QWORD', number(0x1234_5678_9abc_def0n)],
      ['odd', 'REG_DWORD', Buffer.from([1, 2, 3])],
      ['unnamed type', 'REG_SZ', registryText('later')],
    ];
    for (const [name, type, data] of values) writer.set('HKLM', EVIL, name, REG_TYPES[type], data);
    writer.set('HKLM', EVIL, 'unnamed type', 0x77, Buffer.from([0xab]));
    writer.set('HKLM', EVIL, '', 1, registryText('the default'));
    writer.set('HKLM', `${EVIL}\\below\\further\\too far`);
    writer.set('HKLM', 'SOFTWARE\\WOW6432Node\\Evil Corp\\Small', 'bits', 1, registryText('32'));
    writer.set('HKLM', RUN, 'evil', 1, registryText('evil.exe /s'));
    writer.set('HKCU', RUN, 'evil of one', 1, registryText('evil.exe /u'));
  });

  it('gives values of every type as text, in places that a document names', async () => {
    const collected = await collectAll(COLLECTOR, { 'RegistryItem/Path': [`HKEY_LOCAL_MACHINE\\${EVIL}`] });
    const expected: Record<string, [string, (string | RegExp)[], string]> = {
      nothing: ['REG_NONE', ['01fe'], '01ff'],
      text: ['REG_SZ', ['C:\\Temp\\evil ünïcode.exe'], 'C:\\Temp\\evil unicode.exe'],
      expanded: ['REG_EXPAND_SZ', ['%TEMP%\\evil.exe'], 'C:\\Temp\\evil.exe'],
      bytes: ['REG_BINARY', ['00deadbeef'], '00DEADBEEF'],
      word: ['REG_DWORD', ['4000000000'], '-294967296'],
      swapped: ['REG_DWORD_BIG_ENDIAN', ['1'], '16777216'],
      list: ['REG_MULTI_SZ', ['first', 'second one'], 'second'],
      quad: ['REG_QWORD', ['1311768467463790320'], '1311768467463790321'],
      odd: ['REG_DWORD', ['010203'], '197121'],
      'unnamed type': ['REG_119', ['ab'], 'AB'],
      '(Default)': ['REG_SZ', ['the default'], ''],
    };
    for (const [name, [type, texts, miss]] of Object.entries(expected)) {
      const item = value(collected, `HKEY_LOCAL_MACHINE\\${EVIL}\\${name}`);
      expect(valuesOf(item, 'Value'), name).to.deep.equal(texts);
      expect(valuesOf(item, 'Text'), name).to.deep.equal(texts);
      expectItem(item, {
        Type: [type, 'REG_LINK'],
        Value: [texts[0] ?? '', miss],
        ValueName: [name, `${name} `],
      });
    }
    expect(collected.problems).to.deep.equal([]);
  });

  it('tells of a key what documents ask for, and misses what is nearly that', async () => {
    const before = Date.now();
    writer.set('HKLM', EVIL, 'newest', 1, registryText('now'));
    const collected = await collectAll(COLLECTOR, { 'RegistryItem/KeyPath': [EVIL] });
    const item = value(collected, `HKEY_LOCAL_MACHINE\\${EVIL}\\text`);
    const shown = {
      Path: [`HKEY_LOCAL_MACHINE\\${EVIL}\\text`, `HKEY_LOCAL_MACHINE\\${EVIL}`],
      Hive: ['HKEY_LOCAL_MACHINE\\SOFTWARE', 'HKEY_USERS'],
      KeyPath: ['Evil Corp\\Dropper', 'Evil Corp\\Dropper\\text'],
      ValueName: ['text', 'tex'],
      Value: [/^C:\\Temp\\evil/, /^D:\\Temp\\evil/],
      Text: [/\.exe$/, /\.dll$/],
      Type: ['REG_SZ', 'REG_EXPAND_SZ'],
      NumSubKeys: [1, 2],
      NumValues: [12, 11],
      Modified: [/^\d{13}$/, 0],
      // Wine gives new keys to the group that rules the computer.
      Username: ['Administrators', 'Administrator'],
    } as const;
    expectItem(item, shown);
    const [modified] = valuesOf(item, 'Modified');
    expect(modified).to.be.within(before - 2000, Date.now() + 2000);
    expectItem(item, {
      KeyPath: [EVIL, `HKEY_LOCAL_MACHINE\\${EVIL}`],
      Hive: ['HKEY_LOCAL_MACHINE', 'SOFTWARE'],
    });
    expectEveryTerm(COLLECTOR, Object.keys(shown));
  });

  it('has a key without values as an item, and stops two levels below what a document names', async () => {
    const collected = await collectAll(COLLECTOR, { 'RegistryItem/Path': [`hklm\\${EVIL}`] });
    const below = key(collected, `HKEY_LOCAL_MACHINE\\${EVIL}\\below`);
    expectItem(below, { NumSubKeys: [1, 0], NumValues: [0, 1], KeyPath: [`${EVIL}\\below`, EVIL] });
    expect(valuesOf(below, 'ValueName')).to.deep.equal([]);
    key(collected, `HKEY_LOCAL_MACHINE\\${EVIL}\\below\\further`);
    expect(collected.items.filter((item) => has(item, 'Path', /too far/))).to.deep.equal([]);
  });

  it('finds a value by the end of its path, and does not look where nobody asks', async () => {
    const asked = await collectAll(COLLECTOR, { 'RegistryItem/Path': ['Evil Corp\\Dropper\\te'] });
    expectItem(value(asked, `HKEY_LOCAL_MACHINE\\${EVIL}\\text`), { ValueName: ['text', 'te'] });
    const unasked = await collectAll(COLLECTOR, { 'RegistryItem/Path': ['Evil Corporation\\Dropper\\te'] });
    expect(unasked.items.filter((item) => has(item, 'Path', /Evil Corp/))).to.deep.equal([]);
  });

  it('has what 32-bit programs see, by both of its names', async () => {
    const { items } = await collectAll(COLLECTOR, { 'RegistryItem/Path': ['SOFTWARE\\Evil Corp\\Small'] });
    expectItem(only(items, { ValueName: 'bits' }), {
      Path: [
        'HKEY_LOCAL_MACHINE\\SOFTWARE\\Evil Corp\\Small\\bits',
        'HKEY_LOCAL_MACHINE\\SOFTWARE\\Evil Corp\\bits',
      ],
      KeyPath: ['WOW6432Node\\Evil Corp\\Small', 'WOW6432Node\\Small'],
    });
  });

  it('looks at what starts with Windows and with a user without being asked to', async () => {
    const collected = await collectAll(COLLECTOR);
    const machine = only(collected.items, { ValueName: 'evil' });
    expectItem(machine, {
      Value: ['evil.exe /s', 'evil.exe'],
      Path: [/^HKEY_LOCAL_MACHINE\\.*\\Run\\evil$/, /CURRENT_USER/],
    });
    const user = only(collected.items, { ValueName: 'evil of one' });
    expectItem(user, {
      Path: [`HKEY_USERS\\${sid}\\${RUN}\\evil of one`, `HKEY_LOCAL_MACHINE\\${RUN}\\evil of one`],
      Hive: ['HKEY_CURRENT_USER', 'HKEY_LOCAL_MACHINE'],
      KeyPath: [RUN, `${RUN}Once`],
      Username: [userInfo().username, `${userInfo().username}2`],
    });
    expectItem(user, { Path: [`HKEY_CURRENT_USER\\${RUN}\\evil of one`, RUN] });
    expect(new Set(collected.items.map((item) => valuesOf(item, 'Path')[0])).size).to.equal(
      collected.items.length,
    );
  });

  it('says of whom there is no hive here', async () => {
    const profiles = 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList';
    writer.set('HKLM', `${profiles}\\S-1-5-21-1-2-3-1001`);
    const { problems } = await collectAll(COLLECTOR);
    expect(problems).to.deep.equal([
      'HKEY_USERS\\S-1-5-21-1-2-3-1001: not available here: this user is not logged on, so the hive is not loaded',
    ]);
  });

  it('leaves no handle of a key open', async () => {
    const { caller, systemLibrary } = await import('../../../agent/windows/library.js');
    const count: (process: number, handles: [number]) => number = caller(await systemLibrary('kernel32.dll'))(
      'int __stdcall GetProcessHandleCount(int64_t, _Out_ uint32_t *)',
    );
    const handles = (): number => {
      const out: [number] = [0];
      expect(count(-1, out)).to.not.equal(0);
      return out[0];
    };
    await collectAll(COLLECTOR);
    const before = handles();
    const { items } = await collectAll(COLLECTOR);
    expect(items.length).to.be.greaterThan(100);
    expect(handles()).to.be.at.most(before + 5);
  });
});
