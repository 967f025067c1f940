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

  next(): Buffer {
    this.sent += 1;
    const packet = Buffer.alloc(8);
    packet.writeBigUInt64BE(BigInt(this.sent));
    return packet;
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
    return { sent: this.sent, answered: this.answered, longestGapMs };
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
    dialled.on('data', (data) => score.echoed(data.length / 8));
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
