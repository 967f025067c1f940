import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import type {
  AnswerMessage,
  ConnectionEnd,
  Outcome,
  RequestMessage,
  Target,
  ToolAnswers,
  ToolName,
  ToolRequests,
} from './protocol.js';
import { startTcpStream, startUdpStream, type Stream } from './stream.js';

/** Runs inside a namespace and does what its parent asks over IPC. Ends with its parent. */

const ends: ConnectionEnd[] = [];
const streams = new Map<number, Stream>();
const held = new Map<number, Socket>();
let ids = 0;

const tools: { [Name in ToolName]: (request: ToolRequests[Name]) => Promise<ToolAnswers[Name]> } = {
  echo: ({ port }) => echo(port),
  tcpConnect,
  udpExchange,
  hold,
  ends: () => Promise.resolve({ ends }),
  startStream: (request) => {
    ids += 1;
    streams.set(ids, request.protocol === 'tcp' ? startTcpStream(request) : startUdpStream(request));
    return Promise.resolve({ id: ids });
  },
  stopStream: ({ id }) => {
    const stream = streams.get(id);
    streams.delete(id);
    return stream ? stream.stop() : Promise.reject(new Error(`no stream ${id}`));
  },
};

function echo(port: number): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      recordEnd(socket, 'accepted', 0);
      socket.pipe(socket);
    });
    server.once('error', reject);
    server.listen(port, '::', () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      const udp = createSocket({ type: 'udp6', ipv6Only: false });
      udp.on('message', (data, from) => udp.send(data, from.port, from.address));
      // Our own packet filter may refuse an answer; the sender notices that it is missing.
      udp.on('error', () => undefined);
      udp.bind(bound, '::', () => resolve({ port: bound }));
    });
  });
}

function recordEnd(socket: Socket, side: ConnectionEnd['side'], id: number): void {
  let reason = 'closed';
  const { remoteAddress: peerAddress = '', remotePort: peerPort = 0 } = socket;
  socket.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message));
  socket.on('close', () => ends.push({ side, id, peerAddress, peerPort, reason, at: Date.now() }));
}

function open(target: Target): Promise<{ socket: Socket | undefined; outcome: Outcome; ms: number }> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const { address: host, port, localPort, timeoutMs = 1000 } = target;
    const socket = connect({ host, port, localPort });
    const done = (outcome: Outcome): void => {
      clearTimeout(timer);
      if (outcome !== 'open') socket.destroy();
      socket.removeAllListeners('error').on('error', () => undefined);
      resolve({
        socket: outcome === 'open' ? socket : undefined,
        outcome,
        ms: performance.now() - startedAt,
      });
    };
    const timer = setTimeout(() => done('timeout'), timeoutMs);
    socket.once('connect', () => done('open'));
    socket.once('error', (error: NodeJS.ErrnoException) => done(outcomeOf(error.code)));
  });
}

function outcomeOf(code: string | undefined): Outcome {
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused';
    case 'EACCES':
    case 'EPERM':
      return 'blocked';
    case 'ETIMEDOUT':
      return 'timeout';
    default:
      return 'unreachable';
  }
}

async function tcpConnect(target: Target): Promise<{ outcome: Outcome; ms: number }> {
  const { socket, outcome, ms } = await open(target);
  socket?.destroy();
  return { outcome, ms };
}

async function hold(target: Target): Promise<{ id: number; localPort: number }> {
  const { socket, outcome } = await open(target);
  if (!socket) throw new Error(`cannot hold a connection to ${target.address} ${target.port}: ${outcome}`);
  ids += 1;
  held.set(ids, socket);
  recordEnd(socket, 'held', ids);
  socket.resume();
  return { id: ids, localPort: socket.localPort ?? 0 };
}

function udpExchange(target: Target): Promise<{ answered: boolean; ms: number }> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
    const done = (answered: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve({ answered, ms: performance.now() - startedAt });
    };
    const timer = setTimeout(() => done(false), target.timeoutMs ?? 1000);
    socket.once('message', () => done(true));
    // A refusal by our own packet filter: the answer stays away, which the timer tells.
    socket.on('error', () => undefined);
    socket.bind(target.localPort ?? 0, () =>
      socket.send('ping', target.port, target.address, () => undefined),
    );
  });
}

async function serve({ call, name, request }: RequestMessage): Promise<AnswerMessage> {
  try {
    const tool = tools[name] as (value: unknown) => Promise<unknown>;
    return { kind: 'answer', call, answer: await tool(request) };
  } catch (error) {
    return { kind: 'failed', call, message: error instanceof Error ? error.message : String(error) };
  }
}

const answer = (message: AnswerMessage): void => void process.send?.(message);
process.on('message', (message: RequestMessage) => void serve(message).then(answer));
process.on('disconnect', () => process.exit(0));
answer({ kind: 'ready' });
