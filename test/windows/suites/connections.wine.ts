import { expect } from 'chai';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { windowsCalls } from '../../../agent/enforce/iphlp/calls.js';
import { listConnections, listSockets } from '../../../agent/enforce/iphlp/connections.js';
import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';
import { firstList } from './first-list.js';

const { TRANSPORT_PROTOCOL_TCP: TCP, TRANSPORT_PROTOCOL_UDP: UDP } = TransportProtocol;

/** Sockets of this process, closed after each test. */
const open: { close(): void }[] = [];

async function listen(host: string): Promise<number> {
  const server: Server = createServer((socket) => open.push({ close: () => socket.destroy() }));
  open.push({ close: () => server.close() });
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function connect(host: string, port: number): Promise<Socket> {
  const socket = createConnection({ host, port });
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}

async function bindUdp(type: 'udp4' | 'udp6', host: string): Promise<number> {
  const socket: UdpSocket = createSocket({ type, ipv6Only: type === 'udp6' });
  open.push({ close: () => void socket.close() });
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket.address().port;
}

const only = (found: Connection[], protocol: TransportProtocol, localPort: number): Connection[] =>
  found.filter((connection) => connection.protocol === protocol && connection.localPort === localPort);

/**
 * Wine finds the process of a socket by the descriptor that it holds, and TCP sockets are held only while they are in use.
 * So their owner is either this process or not known.
 */
function withoutOwner(connection: Connection): Partial<Connection> {
  const { localAddress, localPort, remoteAddress, remotePort, state } = connection;
  const { processId, processName } = connection;
  expect([`${process.pid} node.exe`, '0 ']).to.include(`${processId} ${processName}`);
  return { localAddress, localPort, remoteAddress, remotePort, state };
}

const OWN = { processId: process.pid, processName: 'node.exe' };

describe('sockets that Windows lists', () => {
  before(async function () {
    this.timeout(60_000);
    await firstList();
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  for (const [family, loopback, any] of [
    ['IPv4', '127.0.0.1', '0.0.0.0'],
    ['IPv6', '::1', '::'],
  ] as const) {
    it(`are the TCP sockets of this process over ${family}, both ends and the listener`, async () => {
      const port = await listen(loopback);
      const socket = await connect(loopback, port);
      const found = await listSockets();
      const listener = only(found, TCP, port).filter(({ state }) => state === 'LISTEN');
      const client = only(found, TCP, socket.localPort ?? 0);
      const accepted = only(found, TCP, port).filter(({ state }) => state === 'ESTAB');
      expect([listener, client, accepted].flat().map(withoutOwner)).to.deep.equal([
        { localAddress: loopback, localPort: port, remoteAddress: '', remotePort: 0, state: 'LISTEN' },
        {
          localAddress: loopback,
          localPort: socket.localPort,
          remoteAddress: loopback,
          remotePort: port,
          state: 'ESTAB',
        },
        {
          localAddress: loopback,
          localPort: port,
          remoteAddress: loopback,
          remotePort: socket.localPort,
          state: 'ESTAB',
        },
      ]);
    });

    it(`are the UDP sockets of this process over ${family}`, async () => {
      const port = await bindUdp(family === 'IPv4' ? 'udp4' : 'udp6', any);
      expect(only(await listSockets(), UDP, port)).to.deep.equal([
        {
          protocol: UDP,
          localAddress: any,
          localPort: port,
          remoteAddress: '',
          remotePort: 0,
          state: 'UNCONN',
          ...OWN,
        },
      ]);
    });

    it(`leave out, in the list for people, what stays inside over ${family}`, async () => {
      const [inside, outside] = [await listen(loopback), await listen(any)];
      const socket = await connect(loopback, inside);
      const found = await listConnections();
      expect(only(found, TCP, inside)).to.deep.equal([]);
      expect(only(found, TCP, socket.localPort ?? 0)).to.deep.equal([]);
      // The positive control: a listener at any address is there.
      expect(only(found, TCP, outside)).to.have.length(1);
    });
  }

  it('leave out a connection between two addresses of this computer', async () => {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const own = all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    if (own === undefined) return;
    const socket = await connect(own, await listen(own));
    const port = socket.localPort ?? 0;
    expect(only(await listSockets(), TCP, port)).to.have.length(1);
    expect(only(await listConnections(), TCP, port)).to.deep.equal([]);
  });

  it('go away with the sockets', async () => {
    const port = await listen('127.0.0.1');
    expect(only(await listSockets(), TCP, port)).to.have.length(1);
    for (const one of open.splice(0)) one.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(only(await listSockets(), TCP, port)).to.deep.equal([]);
  });
});

describe('processes and services of Windows', () => {
  it('have the path of their program, and none where there is no such process', async () => {
    const { imagePath } = await windowsCalls();
    expect(imagePath(process.pid).toLowerCase()).to.equal(process.execPath.toLowerCase());
    expect(imagePath(0)).to.equal('');
    expect(imagePath(0x7fff_fff0)).to.equal('');
  });

  it('leave no handle behind', async () => {
    const { imagePath } = await windowsCalls();
    const koffi = (await import('koffi')).default;
    const kernel = koffi.load('kernel32.dll');
    const count = kernel.func('int __stdcall GetProcessHandleCount(void *process, _Out_ uint32_t *count)');
    const current = kernel.func('void * __stdcall GetCurrentProcess()')() as bigint;
    const handles = (): number => {
      const out: [number] = [0];
      expect(count(current, out)).to.not.equal(0);
      return out[0];
    };
    imagePath(process.pid);
    const before = handles();
    for (let round = 0; round < 500; round += 1) imagePath(process.pid);
    expect(handles()).to.be.at.most(before + 5);
  });

  it('are told by the service manager: Plug and Play runs in some process', async () => {
    const calls = await windowsCalls();
    const services = await calls.services();
    const found = [...services].find(([, names]) => names.some((name) => name.toLowerCase() === 'plugplay'));
    expect(found, JSON.stringify([...services])).to.not.equal(undefined);
    expect(calls.imagePath(found?.[0] ?? 0)).to.match(/\.exe$/i);
  });
});
