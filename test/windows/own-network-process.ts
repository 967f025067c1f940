import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { joined } from './joined.js';

/** The end of own-network.ts that is in the network: `own-network-process.js FOLDER PORT...`. */
const [folder = '', ...ports] = process.argv.slice(2);
for (const port of ports) {
  const server = createServer((socket) => joined(socket, connect(join(folder, port))));
  await once(server.listen(Number(port), '127.0.0.1'), 'listening');
}
console.log('listening');
