import { expect } from 'chai';
import {
  sweepConnections,
  type ListedSocket,
  type SocketPlatform,
} from '../../../../../agent/enforce/connections/sweep.js';
import type { Terminated } from '../../../../../agent/enforce/enforcer.js';
import { compilePlan } from '../../../../../agent/enforce/plan.js';
import { IsolationSettings } from '../../../../../shared/gen/cordon/v1/isolation.js';
import { Connection, TransportProtocol } from '../../../../../shared/gen/cordon/v1/network.js';

const AGENT = 77;
const SERVER = { address: '192.0.2.1', port: 7443 };
const plan = compilePlan({
  isolationId: 'isolation',
  settings: IsolationSettings.fromPartial({
    exclusions: [{ name: 'ssh in', direction: 1, protocol: 6, localPorts: [{ first: 22, last: 22 }] }],
  }),
  serverEndpoints: [SERVER],
  resolvedHosts: new Map(),
  expiresInMs: undefined,
});

function tcp(remotePort: number, more: Partial<Connection> = {}): Connection {
  return Connection.fromPartial({
    protocol: TransportProtocol.TRANSPORT_PROTOCOL_TCP,
    localAddress: '10.0.0.1',
    localPort: 40000,
    remoteAddress: '198.51.100.7',
    remotePort,
    state: 'ESTAB',
    processId: 5,
    ...more,
  });
}

/** A computer whose connections can be ended, except some. */
class Computer implements SocketPlatform<ListedSocket> {
  readonly sweeps: number[][] = [];
  private open: Connection[];

  constructor(
    open: readonly Connection[],
    /** Why a connection stays, by its remote port; an empty text: in silence. */
    private readonly stays: ReadonlyMap<number, string> = new Map(),
    /** Connections that turn up after the first sweep. */
    private late: readonly Connection[] = [],
  ) {
    this.open = [...open];
  }

  list(): Promise<ListedSocket[]> {
    return Promise.resolve(this.open.map((connection) => ({ connection })));
  }

  ownership(): Promise<() => () => boolean> {
    return Promise.resolve(() => () => false);
  }

  end(sockets: readonly ListedSocket[]): Promise<ReadonlyMap<ListedSocket, string>> {
    const ports = sockets.map(({ connection }) => connection.remotePort);
    this.sweeps.push(ports);
    this.open = this.open.filter(
      ({ remotePort }) => !ports.includes(remotePort) || this.stays.has(remotePort),
    );
    this.open.push(...this.late);
    this.late = [];
    const reasons = sockets.map((socket) => [socket, this.stays.get(socket.connection.remotePort)] as const);
    return Promise.resolve(new Map(reasons.filter((entry): entry is [ListedSocket, string] => !!entry[1])));
  }
}

const sweep = (computer: Computer): Promise<Terminated> => sweepConnections(computer, plan, AGENT);

describe('sweeping connections', () => {
  it('ends what the plan does not allow and counts it', async () => {
    const computer = new Computer([tcp(80), tcp(443), tcp(22, { localPort: 22 })]);
    expect(await sweep(computer)).to.deep.equal({ ended: 3, remaining: [] });
    expect(computer.sweeps).to.deep.equal([[80, 443, 22]]);
  });

  it('leaves alone what is no connection, stays inside, or is UDP', async () => {
    const udp = TransportProtocol.TRANSPORT_PROTOCOL_UDP;
    const computer = new Computer([
      ...['LISTEN', 'UNCONN', 'TIME-WAIT', 'CLOSED'].map((state, index) => tcp(index + 1, { state })),
      tcp(10, { remoteAddress: '127.0.0.1' }),
      tcp(11, { remoteAddress: '::1' }),
      tcp(12, { remoteAddress: '10.0.0.1' }),
      tcp(13, { protocol: udp }),
    ]);
    expect(await sweep(computer)).to.deep.equal({ ended: 0, remaining: [] });
    expect(computer.sweeps).to.deep.equal([]);
  });

  it('ends a state that it does not know', async () => {
    expect(await sweep(new Computer([tcp(80, { state: 'STATE-77' })]))).to.include({ ended: 1 });
  });

  it("spares the agent's own channel, and one to the server that has lost its owner", async () => {
    const channel = { remoteAddress: SERVER.address, remotePort: SERVER.port };
    for (const processId of [AGENT, 0]) {
      expect(await sweep(new Computer([tcp(7443, { ...channel, processId })]))).to.include({ ended: 0 });
    }
    expect(await sweep(new Computer([tcp(7443, { ...channel, processId: 5 })]))).to.include({ ended: 1 });
  });

  it('takes a connection at a port with a listener as opened by the other side', async () => {
    const connection = tcp(50000, { localPort: 22 });
    const listener = tcp(0, { localPort: 22, remoteAddress: '', state: 'LISTEN' });
    expect(await sweep(new Computer([connection, listener]))).to.include({ ended: 0 });
    expect(await sweep(new Computer([connection]))).to.include({ ended: 1 });
  });

  it('sweeps a second time, for what was being made meanwhile, and not a third', async () => {
    const computer = new Computer([tcp(80)], new Map(), [tcp(81)]);
    expect(await sweep(computer)).to.deep.equal({ ended: 2, remaining: [] });
    expect(computer.sweeps).to.deep.equal([[80], [81]]);
    const stubborn = new Computer([tcp(80)], new Map([[80, '']]));
    expect(await sweep(stubborn)).to.deep.equal({ ended: 0, remaining: [tcp(80)] });
    expect(stubborn.sweeps).to.have.length(2);
  });

  it('says why connections are left, each reason once', async () => {
    const one = await sweep(new Computer([tcp(80), tcp(81)], new Map([[80, 'it is late']])));
    expect(one).to.deep.equal({ ended: 1, remaining: [tcp(80)], why: 'it is late' });
    const stays = new Map([
      [80, 'it is late'],
      [81, 'it is late'],
      [82, 'it is early'],
    ]);
    const { why } = await sweep(new Computer([tcp(80), tcp(81), tcp(82)], stays));
    expect(why).to.equal('2 because it is late; 1 because it is early');
  });
});
