import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { expect } from 'chai';
import { portCollector } from '../../../../../../agent/detect/collect/linux/ports.js';
import { processCollector } from '../../../../../../agent/detect/collect/linux/processes.js';
import { linuxSystem } from '../../../../../../agent/detect/collect/linux/system.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../term-check.js';
import { temporaryRoot } from './temporary-root.js';

/** Works for a while, talks to itself over loopback, and says what it is. */
const PROGRAM = `
const net = require('node:net');
const fs = require('node:fs');
const until = Date.now() + 300;
while (Date.now() < until) fs.statSync('/');
const server = net.createServer().listen(0, '127.0.0.1', () => {
  const client = net.connect(server.address().port, '127.0.0.1');
  server.on('connection', () => {
    const { user, system } = process.cpuUsage();
    const ports = { server: server.address().port, client: client.localPort };
    console.log(JSON.stringify({ user: user / 1e6, system: system / 1e6, ...ports }));
  });
});
`;

interface Told {
  readonly user: number;
  readonly system: number;
  readonly server: number;
  readonly client: number;
}

(process.platform === 'linux' ? describe : describe.skip)('processes and ports of Linux', () => {
  const system = linuxSystem();
  let child: ChildProcess;
  let told: Told;
  let started: number;

  before(async () => {
    started = Date.now();
    child = spawn(process.execPath, ['-e', PROGRAM, 'a word', 'https://evil.example/'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    told = JSON.parse(line.toString()) as Told;
  });

  after(() => child.kill('SIGKILL'));

  /** Processor time goes on a little after it has been told, and /proc counts in hundredths. */
  const about = (expected: number) => (value: unknown) => Math.abs(Number(value) - expected) < 0.2;

  describe('a running process', () => {
    itTellsEveryTerm(processCollector(system), async () => ({
      item: itemWith(await collectAll(processCollector(system)), 'ProcessItem/pid', child.pid ?? 0),
      known: {
        pid: child.pid ?? 0,
        parentpid: process.pid,
        name: 'node',
        path: realpathSync(process.execPath),
        arguments: (value) => String(value).endsWith('a word https://evil.example/'),
        Username: userInfo().username,
        startTime: (value) => Math.abs(Number(value) - started) < 2000,
        kernelTime: about(told.system),
        userTime: about(told.user),
        'SectionList/MemorySection/Name': realpathSync(process.execPath),
        'PortList/PortItem/state': 'ESTABLISHED',
        'PortList/PortItem/localIP': '127.0.0.1',
        'PortList/PortItem/remoteIP': '127.0.0.1',
        'PortList/PortItem/localPort': told.client,
        'PortList/PortItem/remotePort': told.server,
        'PortList/PortItem/protocol': 'TCP',
      },
    }));

    it('has neither ports nor files in memory where no document asks for them', async () => {
      const collector = processCollector({
        ...system,
        sockets: () => Promise.reject(new Error('nobody asked for them')),
      });
      const collected = await collectAll(collector, { terms: new Set(['ProcessItem/name']) });
      const item = itemWith(collected, 'ProcessItem/pid', child.pid ?? 0);
      expect([...item.values.keys()].filter((term) => /List/.test(term))).to.deep.equal([]);
      expect(collected.problems.filter((problem) => /nobody asked/.test(problem))).to.deep.equal([]);
      const asked = await collectAll(collector, {
        terms: new Set(['ProcessItem/PortList/PortItem/localIP']),
      });
      expect(asked.problems.join()).to.match(/nobody asked/);
    });
  });

  describe('a connection', () => {
    itTellsEveryTerm(portCollector(system), async () => ({
      item: itemWith(await collectAll(portCollector(system)), 'PortItem/localPort', told.client),
      known: {
        pid: child.pid ?? 0,
        process: 'node',
        path: realpathSync(process.execPath),
        state: 'ESTABLISHED',
        localIP: '127.0.0.1',
        remoteIP: '127.0.0.1',
        localPort: told.client,
        remotePort: told.server,
        protocol: 'TCP',
        isIPv6: false,
      },
    }));

    it('that only listens has no remote side', async () => {
      const { items } = await collectAll(portCollector(system));
      const listener = items.find(
        ({ values }) =>
          values.get('PortItem/localPort')?.includes(told.server) &&
          values.get('PortItem/state')?.includes('LISTENING'),
      );
      expect(listener?.values.has('PortItem/pid')).to.equal(true);
      expect(listener?.values.has('PortItem/remoteIP')).to.equal(false);
      expect(listener?.values.has('PortItem/remotePort')).to.equal(false);
    });
  });

  describe('a process in a made-up /proc', () => {
    const root = temporaryRoot();

    before(() => {
      root.write('proc/stat', 'cpu 1 2\nbtime 1700000000\n');
      root.write('etc/passwd', 'eve:x:1001:1001:Eve:/home/eve:/bin/sh\n');
      const numbers = (parent: number): string =>
        `S ${parent} 7 7 0 -1 4194304 1 0 0 0 250 150 0 0 20 0 1 0 12345 1000 10 1`;
      root.write('proc/7/stat', `7 (odd) name (x) ${numbers(1)}`);
      root.write('proc/7/status', 'Name:\todd\nUid:\t0\t1001\t0\t0\n');
      root.write('proc/7/cmdline', '/opt/a b\0--flag\0\0');
      root.link('proc/7/exe', '/opt/a b (deleted)');
      root.write(
        'proc/7/maps',
        '7f0-7f1 r-xp 00000000 08:01 12 /opt/lib one.so\n7f1-7f2 rw-p 00000000 00:00 0 \n7f2-7f3 r--p 00000000 08:01 13 /opt/gone (deleted)\n7f3-7f4 r--p 00001000 08:01 12 /opt/lib one.so\n7f4-7f5 r-xp 0 00:00 0 [vdso]\n',
      );
      root.write('proc/8/stat', `8 (kthread) ${numbers(2)}`);
      // It ended when it was looked at: its folder is empty.
      root.write('proc/9/nothing', '');
    });

    after(() => root.remove());

    it('is read as it is, with a deleted program and a name full of brackets', async () => {
      const { items, problems } = await collectAll(
        processCollector(root.system({ sockets: () => Promise.resolve([]) })),
      );
      expect(problems).to.deep.equal([]);
      expect(items).to.have.length(2);
      expect(Object.fromEntries(items[0]?.values ?? [])).to.deep.equal({
        'ProcessItem/pid': [7],
        'ProcessItem/parentpid': [1],
        'ProcessItem/name': ['a b', 'odd) name (x'],
        'ProcessItem/path': ['/opt/a b'],
        'ProcessItem/arguments': ['/opt/a b --flag'],
        'ProcessItem/Username': ['eve'],
        'ProcessItem/startTime': [1_700_000_123_450],
        'ProcessItem/userTime': [2.5],
        'ProcessItem/kernelTime': [1.5],
        'ProcessItem/SectionList/MemorySection/Name': ['/opt/lib one.so', '/opt/gone'],
      });
    });

    it('has neither path nor arguments when it is a thread of the kernel', async () => {
      const collected = await collectAll(
        processCollector(root.system({ sockets: () => Promise.resolve([]) })),
      );
      const item = itemWith(collected, 'ProcessItem/name', 'kthread');
      expect(item.values.has('ProcessItem/path')).to.equal(false);
      expect(item.values.has('ProcessItem/arguments')).to.equal(false);
    });
  });
});
