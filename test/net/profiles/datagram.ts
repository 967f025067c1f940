import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Host } from '../site/index.js';

/** One datagram from an ordinary UDP socket, and the first one that comes back to where an answer is due. */
export interface Exchange {
  readonly message: Buffer;
  /** Where it is sent from. Port 0 picks one. */
  readonly from: Place;
  readonly to: Place;
  /** Where the answer is awaited, if not where it was sent from. */
  readonly answerAt?: Place;
}

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** How long an answer is awaited, milliseconds. */
const PATIENCE_MS = 700;

/** Runs the exchange on a host; undefined when no answer came. */
export async function exchange(host: Host, { message, ...places }: Exchange): Promise<Buffer | undefined> {
  const argument = JSON.stringify({ ...places, message: message.toString('hex') });
  const { code, stdout, stderr } = await host.exec(process.execPath, [
    fileURLToPath(import.meta.url),
    argument,
  ]);
  if (code !== 0) throw new Error(`datagram on ${host.name}: ${stderr}`);
  return stdout === '' ? undefined : Buffer.from(stdout, 'hex');
}

async function open({ address, port }: Place): Promise<Socket> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
  // A refusal by our own packet filter: the answer stays away.
  socket.on('error', () => undefined);
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

async function run(argument: string): Promise<void> {
  const { message, from, to, answerAt } = JSON.parse(argument) as Omit<Exchange, 'message'> & {
    readonly message: string;
  };
  const sender = await open(from);
  const receiver = answerAt ? await open(answerAt) : sender;
  if (from.address.includes('.')) sender.setBroadcast(true);
  const timer = setTimeout(() => process.exit(0), PATIENCE_MS);
  receiver.once('message', (answer) => {
    clearTimeout(timer);
    process.stdout.write(answer.toString('hex'), () => process.exit(0));
  });
  sender.send(Buffer.from(message, 'hex'), to.port, to.address, () => undefined);
}

const [, program, argument] = process.argv;
if (program === fileURLToPath(import.meta.url) && argument !== undefined) await run(argument);
