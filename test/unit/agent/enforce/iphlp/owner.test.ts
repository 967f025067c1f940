import { expect } from 'chai';
import { belongsTo } from '../../../../../agent/enforce/iphlp/owner.js';
import { collectServices, readServices, type Chunk } from '../../../../../agent/enforce/iphlp/services.js';
import type { RuleApplication } from '../../../../../agent/enforce/plan.js';

const imagePath = (pid: number): string => (pid === 1 ? 'C:\\Program Files\\App\\app.exe' : '');
const services = new Map([
  [1, ['Alone']],
  [2, ['Dnscache', 'Dhcp']],
]);
const owns = (application: RuleApplication, pid: number): boolean =>
  belongsTo(application, pid, imagePath, services);

describe('whose connection it is on Windows', () => {
  it('knows a program by its path, whatever its case and form', () => {
    const path = (text: string): RuleApplication => ({ kind: 'executable-path', path: text });
    expect(owns(path('c:\\program files\\APP\\.\\app.EXE'), 1)).to.equal(true);
    expect(owns(path('C:\\Program Files\\App\\app.exe2'), 1)).to.equal(false);
    expect(owns(path('app.exe'), 1)).to.equal(false);
  });

  it('knows no program where its path is not known', () => {
    for (const text of ['', '.', 'C:\\Program Files\\App\\app.exe']) {
      expect(owns({ kind: 'executable-path', path: text }, 2), text).to.equal(false);
    }
  });

  it('knows a service by its own process, and none that shares its process', () => {
    const named = (name: string): RuleApplication => ({ kind: 'windows-service', name });
    expect(owns(named('ALONE'), 1)).to.equal(true);
    expect(owns(named('Other'), 1)).to.equal(false);
    expect(owns(named('Dnscache'), 2)).to.equal(false);
    expect(owns(named('Dnscache'), 3)).to.equal(false);
  });

  it('knows nothing of the programs of Linux', () => {
    expect(owns({ kind: 'systemd-unit', name: 'Alone' }, 1)).to.equal(false);
    expect(owns({ kind: 'cgroup', path: '' }, 1)).to.equal(false);
  });
});

const BASE = 0x7fff_0000_1000n;

/** What EnumServicesStatusExW writes: rows that point to names behind them. */
function listed(...rows: [pid: number, name: string][]): Buffer {
  const names = rows.map(([, name]) => Buffer.from(`${name}\0`, 'utf16le'));
  const heads = rows.map(([pid], index) => {
    const head = Buffer.alloc(56, 0xee);
    const before = names.slice(0, index).reduce((sum, { length }) => sum + length, 0);
    head.writeBigUInt64LE(BASE + BigInt(rows.length * 56 + before), 0);
    head.writeUInt32LE(pid, 44);
    return head;
  });
  return Buffer.concat([...heads, ...names]);
}

function servicesIn(buffer: Buffer, count: number): [number, string[]][] {
  const into = new Map<number, string[]>();
  readServices(into, buffer, BASE, count);
  return [...into];
}

describe('reading the services of Windows', () => {
  it('gathers the names of each process', () => {
    const buffer = listed([7, 'Dnscache'], [8, 'Ünïcode'], [7, 'Dhcp'], [0, 'stopped']);
    expect(servicesIn(buffer, 4)).to.deep.equal([
      [7, ['Dnscache', 'Dhcp']],
      [8, ['Ünïcode']],
    ]);
  });

  it('leaves out names that are not in the buffer, and rows that are not there', () => {
    const buffer = listed([7, 'One'], [8, 'Two']);
    buffer.writeBigUInt64LE(BASE - 2n, 0);
    expect(servicesIn(buffer, 2)).to.deep.equal([[8, ['Two']]]);
    buffer.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 0);
    expect(servicesIn(buffer, 2)).to.deep.equal([[8, ['Two']]]);
    expect(servicesIn(listed([7, 'One']).subarray(0, 60), 1)).to.deep.equal([]);
    expect(servicesIn(Buffer.alloc(10), 0xffff_ffff)).to.deep.equal([]);
  });

  it('goes on until there are no more', async () => {
    const chunks: Chunk[] = [
      { kind: 'more', count: 1, resume: 5 },
      { kind: 'all', count: 1, resume: 0 },
    ];
    const asked: number[] = [];
    const found = await collectServices(
      (buffer, resume) => {
        listed([7, asked.length === 0 ? 'One' : 'Two']).copy(buffer);
        asked.push(resume);
        return Promise.resolve(chunks[asked.length - 1] ?? { kind: 'failed' });
      },
      () => BASE,
    );
    expect([...found]).to.deep.equal([[7, ['One', 'Two']]]);
    expect(asked).to.deep.equal([0, 5]);
  });

  it('gives up where a call fails or the list has no end', async () => {
    const reject = async (chunk: Chunk): Promise<string> =>
      collectServices(
        () => Promise.resolve(chunk),
        () => BASE,
      ).then(
        () => 'resolved',
        (error: Error) => error.message,
      );
    expect(await reject({ kind: 'failed' })).to.equal('the services cannot be listed');
    expect(await reject({ kind: 'more', count: 0, resume: 1 })).to.include('more services');
  });
});
