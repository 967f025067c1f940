import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import type { Target, ToolAnswers } from './protocol.js';

type StreamReport = ToolAnswers['stopStream'];

/** Numbered packets, one each interval, until stopped. */
export interface Stream {
  /** Waits up to 600 ms for echoes that are still on their way. */
  stop(): Promise<StreamReport>;
}

type StreamTarget = Target & { readonly intervalMs: number };

/** Remembers what was sent and when echoes came back. */
class Score {
  private sent = 0;
  private answered = 0;
  private lastEcho = performance.now();
  private longestGap = 0;
  private rest: Buffer = Buffer.alloc(0);
  private expected = 1n;
  private outOfOrder = 0;
  private connections = 0;

  next(): Buffer {
    this.sent += 1;
    const packet = Buffer.alloc(8);
    packet.writeBigUInt64BE(BigInt(this.sent));
    return packet;
  }

  dialled(): void {
    this.connections += 1;
  }

  /** Bytes of a connection, cut anywhere: each number must be the one after the last. */
  echoedBytes(data: Buffer): void {
    const all = Buffer.concat([this.rest, data]);
    const whole = all.length - (all.length % 8);
    for (let at = 0; at < whole; at += 8) {
      const number = all.readBigUInt64BE(at);
      if (number !== this.expected) this.outOfOrder += 1;
      this.expected = number + 1n;
    }
    this.rest = all.subarray(whole);
    this.echoed(whole / 8);
  }

  echoed(packets: number): void {
    this.answered += packets;
    this.longestGap = Math.max(this.longestGap, performance.now() - this.lastEcho);
    this.lastEcho = performance.now();
  }

  async settle(): Promise<void> {
    for (let waited = 0; waited < 600 && this.answered < this.sent; waited += 10) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  report(): StreamReport {
    const longestGapMs = Math.max(this.longestGap, performance.now() - this.lastEcho);
    return {
      sent: this.sent,
      answered: this.answered,
      connections: this.connections,
      outOfOrder: this.outOfOrder,
      longestGapMs,
    };
  }
}

/** Datagrams from one source port, so that they are one flow. */
export function startUdpStream(target: StreamTarget): Stream {
  const score = new Score();
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  socket.on('message', () => score.echoed(1));
  socket.on('error', () => undefined);
  socket.bind(target.localPort ?? 0);
  const timer = setInterval(() => {
    socket.send(score.next(), target.port, target.address, () => undefined);
  }, target.intervalMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await score.settle();
      socket.close();
      return score.report();
    },
  };
}

/** Packets on one connection; when it ends, the next packet opens a new one. */
export function startTcpStream(target: StreamTarget): Stream {
  const score = new Score();
  let socket: Socket | undefined;
  const dial = (): Socket => {
    const dialled = connect({ host: target.address, port: target.port, noDelay: true });
    score.dialled();
    dialled.on('data', (data) => score.echoedBytes(data));
    dialled.on('error', () => undefined);
    dialled.on('close', () => {
      if (socket === dialled) socket = undefined;
    });
    return dialled;
  };
  const timer = setInterval(() => {
    socket ??= dial();
    socket.write(score.next());
  }, target.intervalMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await score.settle();
      socket?.destroy();
      return score.report();
    },
  };
}
