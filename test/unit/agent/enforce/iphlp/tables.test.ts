import { expect } from 'chai';
import { describeRow } from '../../../../../agent/enforce/iphlp/describe.js';
import { fetchTable, readTable, type TableKind } from '../../../../../agent/enforce/iphlp/tables.js';
import { EnforceError } from '../../../../../agent/enforce/enforcer.js';
import type { Connection } from '../../../../../shared/gen/cordon/v1/network.js';

const V4 = { one: '0a000001', two: 'c0000207' };
const LINK_LOCAL = `fe80${'00'.repeat(13)}01`;
const GLOBAL = `20010db8${'00'.repeat(11)}99`;
const MAPPED = `${'00'.repeat(10)}ffff${V4.two}`;

/** A table of Windows, written byte by byte; ports with noise in the half that means nothing. */
const table = (count: number, ...rows: string[]): Buffer =>
  Buffer.concat([dword(count), ...rows.map((row) => Buffer.from(row, 'hex'))]);

function dword(value: number): Buffer {
  const result = Buffer.alloc(4);
  result.writeUInt32LE(value);
  return result;
}

const hex = (value: number): string => dword(value).toString('hex');
const port = (value: number): string => `${value.toString(16).padStart(4, '0')}cdab`;

const read = (kind: TableKind, buffer: Buffer): Connection[] =>
  readTable(kind, buffer).map((row) =>
    describeRow(row, (pid) => (pid === 9 ? 'C:\\Windows\\App One.exe' : '')),
  );

describe('reading the tables of Windows', () => {
  it('reads TCP over IPv4, with the process', () => {
    const row = hex(5) + V4.one + port(22) + V4.two + port(50_000) + hex(9);
    expect(read('tcp4', table(1, row))).to.deep.equal([
      {
        protocol: 1,
        localAddress: '10.0.0.1',
        localPort: 22,
        remoteAddress: '192.0.2.7',
        remotePort: 50_000,
        state: 'ESTAB',
        processName: 'App One.exe',
        processId: 9,
      },
    ]);
  });

  it('reads TCP over IPv6, without scopes, and a mapped address as IPv4', () => {
    const row = (remote: string): string =>
      LINK_LOCAL + hex(3) + port(443) + remote + hex(3) + port(60_000) + hex(8) + hex(4_000_000_000);
    const [one, two] = read('tcp6', table(2, row(GLOBAL), row(MAPPED)));
    expect(one).to.deep.include({
      localAddress: 'fe80::1',
      localPort: 443,
      remoteAddress: '2001:db8::99',
      remotePort: 60_000,
      state: 'CLOSE-WAIT',
      processName: '',
      processId: 4_000_000_000,
    });
    expect(two).to.include({ remoteAddress: '192.0.2.7' });
    expect(readTable('tcp6', table(1, row(GLOBAL)))[0]?.remote?.scopeId).to.equal(3);
  });

  it('reads UDP of both versions, which has no other side', () => {
    expect(read('udp4', table(1, V4.one + port(53) + hex(9)))[0]).to.deep.equal({
      protocol: 2,
      localAddress: '10.0.0.1',
      localPort: 53,
      remoteAddress: '',
      remotePort: 0,
      state: 'UNCONN',
      processName: 'App One.exe',
      processId: 9,
    });
    const [v6] = read('udp6', table(1, `${'00'.repeat(16)}${hex(0)}${port(546)}${hex(7)}`));
    expect(v6).to.include({ localAddress: '::', localPort: 546, processId: 7 });
  });

  it('gives a listener no other side', () => {
    const row = `${hex(2)}00000000${port(80)}00000000${port(0)}${hex(4)}`;
    expect(read('tcp4', table(1, row))[0]).to.include({
      localAddress: '0.0.0.0',
      remoteAddress: '',
      remotePort: 0,
      state: 'LISTEN',
    });
  });

  for (const [number, word] of [
    [1, 'CLOSED'],
    [2, 'LISTEN'],
    [3, 'SYN-SENT'],
    [4, 'SYN-RECV'],
    [5, 'ESTAB'],
    [6, 'FIN-WAIT-1'],
    [7, 'FIN-WAIT-2'],
    [8, 'CLOSE-WAIT'],
    [9, 'CLOSING'],
    [10, 'LAST-ACK'],
    [11, 'TIME-WAIT'],
    [12, 'CLOSED'],
    [100, 'UNCONN'],
    [77, 'STATE-77'],
  ] as const) {
    it(`calls state ${number} ${word}`, () => {
      const row = hex(number) + V4.one + port(1) + V4.two + port(2) + hex(9);
      expect(read('tcp4', table(1, row))[0]?.state).to.equal(word);
    });
  }

  it('reads an empty table, and one with room left behind its rows', () => {
    expect(read('tcp4', table(0))).to.deep.equal([]);
    const row = hex(5) + V4.one + port(22) + V4.two + port(5) + hex(9);
    expect(read('tcp4', table(1, row, row, '00'))).to.have.length(1);
  });

  it('refuses a table that claims more rows than it has room for', () => {
    const row = hex(5) + V4.one + port(22) + V4.two + port(5) + hex(9);
    for (const broken of [
      table(2, row),
      table(1, row.slice(2)),
      table(0xffff_ffff, row),
      table(1),
      Buffer.alloc(0),
    ]) {
      expect(() => read('tcp4', broken)).to.throw(EnforceError, 'claims');
    }
    for (const kind of ['tcp6', 'udp4', 'udp6'] as const) {
      expect(() => read(kind, table(1, '00'))).to.throw(EnforceError, 'claims');
    }
  });
});

describe('asking for a table of Windows', () => {
  /** Windows, with a table whose size is another at each call. */
  function windows(...sizes: number[]): {
    call: (buffer: Buffer | null, size: [number]) => number;
    had: number[];
  } {
    const had: number[] = [];
    const call = (buffer: Buffer | null, size: [number]): number => {
      had.push(size[0]);
      const needed = sizes[Math.min(had.length, sizes.length) - 1] ?? 0;
      const enough = buffer !== null && size[0] >= needed;
      size[0] = needed;
      if (enough) buffer.fill(7, 0, needed);
      return enough ? 0 : 122;
    };
    return { call, had };
  }

  it('asks for the size first, and leaves room for what comes in between', () => {
    const { call, had } = windows(1000, 1200);
    expect(
      fetchTable('it', call)
        .subarray(0, 1200)
        .every((byte) => byte === 7),
    ).to.equal(true);
    expect(had).to.deep.equal([0, 1250]);
  });

  it('asks again while the table outgrows the room', () => {
    const { call, had } = windows(1000, 5000, 20_000, 20_000);
    expect(fetchTable('it', call).length).to.be.at.least(20_000);
    expect(had).to.have.length(4);
  });

  it('gives up where it always wants more, wants too much, or fails', () => {
    const always = windows(...Array.from({ length: 20 }, (_, index) => 1000 * 2 ** index));
    expect(() => fetchTable('it', always.call)).to.throw(EnforceError, 'asked for more room 10 times');
    expect(() => fetchTable('it', windows(0xffff_ffff).call)).to.throw(EnforceError, '4294967295 bytes');
    expect(() => fetchTable('it', () => 50)).to.throw(EnforceError, 'Windows error 50');
  });
});
