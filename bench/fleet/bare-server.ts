import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { nowMs } from '../statistics.js';
import { BARE_METHOD, type BareOrder, type BareReady, type FleetReport } from './messages.js';

/** The peer: grpc-js, mTLS, a broadcast and its echoes, and nothing else. Arguments: CA, certificate and key, PEM files. */

const [caFile = '', certificateFile = '', keyFile = ''] = process.argv.slice(2);
const streams = new Set<ServerDuplexStream<Buffer, Buffer>>();
let echoes = Number.NEGATIVE_INFINITY;

const same = (bytes: Buffer): Buffer => bytes;
const server = new Server({ 'grpc.max_concurrent_streams': 8 });
server.addService(
  {
    stream: {
      path: BARE_METHOD,
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
      streams.add(call);
      call.sendMetadata(call.metadata);
      call.on('data', () => {
        if (++echoes === streams.size) {
          process.send?.({ kind: 'all', at: nowMs() } satisfies FleetReport);
        }
      });
      call.on('error', () => streams.delete(call));
      call.on('end', () => streams.delete(call));
    },
  },
);

process.on('message', (order: BareOrder) => {
  echoes = 0;
  const message = Buffer.alloc(order.bytes, 1);
  for (const stream of streams) stream.write(message);
});

const tls = ServerCredentials.createSsl(
  readFileSync(caFile),
  [{ cert_chain: readFileSync(certificateFile), private_key: readFileSync(keyFile) }],
  true,
);
server.bindAsync('127.0.0.1:0', tls, (error, port) => {
  if (error) throw error;
  process.send?.({ kind: 'listening', port } satisfies BareReady);
});
