import { connect, createServer } from 'node:net';
import { nowMs } from '../statistics.js';
import type { FlowAnswer, FlowRequest } from './messages.js';

/** One end of a TCP flow, inside the namespace of a host. Ends with its parent. */

const BLOCK = Buffer.alloc(256 * 1024);

function listen(port: number): Promise<FlowAnswer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.resume().on('error', () => undefined));
    server.once('error', reject);
    server.listen(port, '::', () => resolve({ bytesPerSecond: 0 }));
  });
}

function send(address: string, port: number, ms: number): Promise<FlowAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, address);
    socket.once('error', reject);
    socket.once('connect', () => {
      const startedAt = nowMs();
      const more = (): void => {
        const elapsed = nowMs() - startedAt;
        if (elapsed >= ms) {
          resolve({ bytesPerSecond: ((socket.bytesWritten - socket.writableLength) / elapsed) * 1000 });
          socket.destroy();
        } else if (socket.write(BLOCK)) setImmediate(more);
        else socket.once('drain', more);
      };
      more();
    });
  });
}

process.on('message', (request: FlowRequest) => {
  const work =
    request.kind === 'listen' ? listen(request.port) : send(request.address, request.port, request.ms);
  work.then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
