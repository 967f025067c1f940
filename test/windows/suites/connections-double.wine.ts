import { expect } from 'chai';
import koffi from 'koffi';
import { windowsCalls, type LibraryPaths } from '../../../agent/enforce/iphlp/calls.js';
import { listSockets, terminateConnections } from '../../../agent/enforce/iphlp/connections.js';
import type { Terminated } from '../../../agent/enforce/enforcer.js';
import { compilePlan, type Plan } from '../../../agent/enforce/plan.js';
import type { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../shared/gen/cordon/v1/isolation.js';

/** Windows path of the double, from the test outside. */
const path = process.env['CORDON_IPHLP_DOUBLE'] ?? '';
const library = koffi.load(path);
const double = {
  reset: library.func('void DoubleReset()'),
  answer: library.func('void DoubleAnswer(uint32_t code, int ends)'),
  grow: library.func('void DoubleGrow(uint32_t calls)'),
  failTables: library.func('void DoubleFailTables(uint32_t code)'),
  hits: library.func('uint32_t DoubleHits()') as () => number,
  misses: library.func('uint32_t DoubleMisses()') as () => number,
  addTcp4: library.func(
    'int DoubleAddTcp4(str local, uint16_t localPort, str remote, uint16_t remotePort, uint32_t state, uint32_t pid)',
  ),
  addTcp6: library.func(
    'int DoubleAddTcp6(str local, uint32_t localScope, uint16_t localPort, str remote, uint32_t remoteScope, uint16_t remotePort, uint32_t state, uint32_t pid)',
  ),
  addUdp4: library.func('int DoubleAddUdp4(str local, uint16_t port, uint32_t pid)'),
  addUdp6: library.func('int DoubleAddUdp6(str local, uint32_t scope, uint16_t port, uint32_t pid)'),
  lastRowWas: library.func(
    'int DoubleLastRowWas(str local, uint16_t localPort, str remote, uint16_t remotePort)',
  ),
};

const LIBRARIES: LibraryPaths = { iphlpapi: path, nsi: path };
const [LISTEN, ESTAB, TIME_WAIT] = [2, 5, 11];
const AGENT = 4242;
const OTHER = 7;

function planOf(...exclusions: Partial<Exclusion>[]): Plan {
  return compilePlan({
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({ exclusions }),
    serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
    resolvedHosts: new Map(),
    expiresInMs: undefined,
  });
}

const terminate = (plan = planOf(), libraries = LIBRARIES): Promise<Terminated> =>
  terminateConnections(plan, AGENT, libraries);

const ports = async (): Promise<number[]> => (await listSockets(LIBRARIES)).map(({ localPort }) => localPort);

describe('ending connections of Windows, against a double', () => {
  beforeEach(() => {
    double.reset();
  });

  it('reads every kind of row as the headers lay it out', async () => {
    double.addTcp4('10.0.0.1', 258, '198.51.100.7', 50_000, ESTAB, process.pid);
    double.addTcp6('fe80::1', 3, 772, '2001:db8::99', 0, 60_000, ESTAB, OTHER);
    double.addUdp4('10.0.0.1', 53, OTHER);
    double.addUdp6('fe80::1', 3, 546, OTHER);
    const rows = (await listSockets(LIBRARIES)).map((row) => Object.values(row).join(' '));
    expect(rows).to.deep.equal([
      `1 10.0.0.1 258 198.51.100.7 50000 ESTAB node.exe ${process.pid}`,
      `1 fe80::1 772 2001:db8::99 60000 ESTAB  ${OTHER}`,
      `2 10.0.0.1 53  0 UNCONN  ${OTHER}`,
      `2 fe80::1 546  0 UNCONN  ${OTHER}`,
    ]);
  });

  it('reads a table that grows between the calls, and a long one', async () => {
    for (let index = 0; index < 4000; index += 1) {
      double.addTcp4('10.0.0.1', index + 1, '198.51.100.7', 443, ESTAB, OTHER);
    }
    double.grow(4);
    expect(await ports()).to.deep.equal(Array.from({ length: 4000 }, (_, index) => index + 1));
  });

  it('says so where Windows gives no table or never stops asking for room', async () => {
    double.failTables(8);
    expect(await listSockets(LIBRARIES).catch((error: Error) => error.message)).to.include(
      'GetExtendedTcpTable failed with Windows error 8',
    );
    double.failTables(0);
    double.grow(1000);
    expect(await listSockets(LIBRARIES).catch((error: Error) => error.message)).to.include('10 times');
  });

  it('ends what the plan does not allow, with the row that C would have brought', async () => {
    double.addTcp4('10.0.0.1', 258, '198.51.100.7', 50_000, ESTAB, OTHER);
    expect(await terminate()).to.deep.equal({ ended: 1, remaining: [] });
    expect(double.lastRowWas('10.0.0.1', 258, '198.51.100.7', 50_000)).to.equal(1);
    // The check can fail: the same bytes in another order are another row.
    expect(double.lastRowWas('1.0.0.10', 258, '198.51.100.7', 50_000)).to.equal(0);
    expect(double.lastRowWas('10.0.0.1', 513, '198.51.100.7', 50_000)).to.equal(0);
    expect([double.hits(), double.misses()]).to.deep.equal([1, 0]);
  });

  it('ends IPv6 with the key that the TCP module knows, scopes included', async () => {
    double.addTcp6('2001:db8::1', 0, 258, '2001:db8::99', 0, 50_000, ESTAB, OTHER);
    double.addTcp6('fe80::1', 3, 772, 'fe80::2', 3, 443, ESTAB, OTHER);
    expect(await terminate()).to.deep.equal({ ended: 2, remaining: [] });
    expect([double.hits(), double.misses()]).to.deep.equal([2, 0]);
  });

  it('ends many in one go', async () => {
    for (let index = 0; index < 1500; index += 1) {
      double.addTcp4('10.0.0.1', index + 1, '198.51.100.7', 443, ESTAB, OTHER);
      double.addTcp6('2001:db8::1', 0, index + 1, '2001:db8::99', 0, 443, ESTAB, OTHER);
    }
    expect(await terminate()).to.deep.equal({ ended: 3000, remaining: [] });
    expect([double.hits(), double.misses()]).to.deep.equal([3000, 0]);
  });

  it("leaves alone what listens, has ended, stays inside, is allowed or is the agent's own", async () => {
    double.addTcp4('0.0.0.0', 22, '0.0.0.0', 0, LISTEN, OTHER);
    double.addTcp4('10.0.0.1', 1001, '198.51.100.7', 443, TIME_WAIT, 0);
    double.addTcp4('127.0.0.1', 1002, '127.0.0.1', 443, ESTAB, OTHER);
    double.addTcp6('::1', 0, 1003, '::1', 0, 443, ESTAB, OTHER);
    double.addTcp4('10.0.0.1', 22, '198.51.100.7', 50_000, ESTAB, OTHER);
    double.addTcp4('10.0.0.1', 1004, '192.0.2.1', 7443, ESTAB, AGENT);
    double.addTcp4('10.0.0.1', 1005, '192.0.2.1', 7443, ESTAB, OTHER);
    double.addUdp4('10.0.0.1', 1006, OTHER);
    const ssh = { name: 'ssh', direction: 1, protocol: 6, localPorts: [{ first: 22, last: 22 }] };
    expect(await terminate(planOf(ssh))).to.deep.equal({ ended: 1, remaining: [] });
    expect(await ports()).to.deep.equal([22, 1001, 1002, 22, 1004, 1003, 1006]);
  });

  for (const [code, hint] of [
    [5, ': run the agent as a service or from an elevated prompt'],
    [317, ': run the agent as a service or from an elevated prompt'],
    [65, ''],
  ] as const) {
    it(`counts what is left, and says why, where Windows answers ${code}`, async () => {
      double.addTcp4('10.0.0.1', 1001, '198.51.100.7', 443, ESTAB, OTHER);
      double.addTcp6('2001:db8::1', 0, 1002, '2001:db8::99', 0, 443, ESTAB, OTHER);
      double.answer(code, 0);
      const { ended, remaining, why } = await terminate();
      expect(ended).to.equal(0);
      expect(remaining.map(({ localPort }) => localPort)).to.deep.equal([1001, 1002]);
      const reason = `failed with Windows error ${code}${hint}`;
      expect(why).to.equal(`1 because SetTcpEntry ${reason}; 1 because NsiSetAllParameters ${reason}`);
      expect(double.hits()).to.equal(4);
    });
  }

  it('believes the list and not the answer', async () => {
    double.addTcp4('10.0.0.1', 1001, '198.51.100.7', 443, ESTAB, OTHER);
    double.answer(0, 0);
    const { ended, remaining, why } = await terminate();
    expect([ended, remaining.length, why]).to.deep.equal([0, 1, undefined]);
    double.answer(317, 1);
    expect(await terminate()).to.deep.equal({ ended: 1, remaining: [] });
  });

  for (const [title, nsi, detail] of [
    ['has no such function', 'C:\\windows\\system32\\kernel32.dll', 'NsiSetAllParameters'],
    ['has no such library', 'C:\\none\\nsi.dll', 'shared library'],
  ] as const) {
    it(`ends IPv4 and says so of IPv6 where Windows ${title}`, async () => {
      double.addTcp4('10.0.0.1', 1001, '198.51.100.7', 443, ESTAB, OTHER);
      double.addTcp6('2001:db8::1', 0, 1002, '2001:db8::99', 0, 443, ESTAB, OTHER);
      const { ended, remaining, why } = await terminate(planOf(), { iphlpapi: path, nsi });
      expect([ended, remaining.length]).to.deep.equal([1, 1]);
      expect(why).to.include('this Windows has no way to end IPv6 connections');
      expect(why).to.include(detail);
    });
  }

  it('spares the connections of a program that an exclusion names, and no others', async () => {
    double.addTcp4('10.0.0.1', 1001, '198.51.100.7', 443, ESTAB, process.pid);
    double.addTcp4('10.0.0.1', 1002, '198.51.100.7', 443, ESTAB, OTHER);
    const named = (value: string): Partial<Exclusion> => ({
      application: { target: { $case: 'executablePath', value } },
    });
    expect(await terminate(planOf(named(process.execPath.toUpperCase())))).to.include({ ended: 1 });
    expect(await ports()).to.deep.equal([1001]);
    expect(await terminate(planOf(named('C:\\other\\node.exe')))).to.include({ ended: 1 });
  });

  it('spares the connections of a service that has its process for itself', async () => {
    const services = await (await windowsCalls(LIBRARIES)).services();
    const alone = [...services].find(([, names]) => names.length === 1);
    expect(alone, 'a service with its own process').to.not.equal(undefined);
    const [pid, [name = '']] = alone ?? [0, []];
    double.addTcp4('10.0.0.1', 1001, '198.51.100.7', 443, ESTAB, pid);
    double.addTcp4('10.0.0.1', 1002, '198.51.100.7', 443, ESTAB, OTHER);
    const named = (value: string): Partial<Exclusion> => ({
      application: { target: { $case: 'windowsService', value } },
    });
    expect(await terminate(planOf(named(name)))).to.include({ ended: 1 });
    expect(await ports()).to.deep.equal([1001]);
    expect(await terminate(planOf(named(`${name}2`)))).to.include({ ended: 1 });
  });
});
