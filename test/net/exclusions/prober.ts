import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { packageRoot } from '../../../shared/package-root.js';
import type { Host } from '../site/index.js';

const PROGRAM = join(packageRoot, 'test/net/exclusions/probe.py');

/** One packet as `probe.py` makes it. */
export interface WirePacket {
  /** 1 and up, unique among the packets of one test. */
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly targetPort?: number;
  /** Of TCP: FIN 1, SYN 2, RST 4, ACK 16. */
  readonly flags?: number;
  /** Of ICMP and ICMPv6: echo request or echo reply. */
  readonly type?: number;
}

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** Makes packets by hand inside a host and hears those that its packet filter delivers. */
export class Prober {
  private readonly answers: Interface;
  private readonly waiting: Waiting[] = [];

  private constructor(private readonly child: ChildProcess) {
    if (!child.stdout) throw new Error('the prober has no output');
    this.answers = createInterface({ input: child.stdout });
    this.answers.on('line', (line) => this.waiting.shift()?.resolve(line));
    child.once('close', (code) => {
      for (const { reject } of this.waiting) reject(new Error(`the prober ended with ${code ?? 'a signal'}`));
    });
  }

  /** @param cgroup folder of the control group that it runs in; absent: that of this process */
  static async start(host: Host, cgroup?: string): Promise<Prober> {
    const command = ['/usr/bin/python3', '-I', PROGRAM];
    const words =
      cgroup === undefined
        ? command
        : ['sh', '-c', `echo $$ > ${cgroup}/cgroup.procs && exec "$0" "$@"`, ...command];
    const [first = '', ...rest] = words;
    const prober = new Prober(host.spawn(first, rest, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await prober.answer();
    return prober;
  }

  async send(packets: readonly WirePacket[]): Promise<void> {
    const answer = this.answer();
    this.child.stdin?.write(`${JSON.stringify({ send: packets })}\n`);
    await answer;
  }

  /** Ids that were delivered here up to `until`, which is waited for. @throws Error if that one does not come */
  async hear(until: number): Promise<ReadonlySet<number>> {
    const answer = this.answer();
    this.child.stdin?.write(`${JSON.stringify({ hear: 5000, until })}\n`);
    const { heard } = JSON.parse(await answer) as { heard: number[] };
    if (!heard.includes(until)) throw new Error(`packet ${until}, which nothing blocks, did not arrive`);
    return new Set(heard);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.child.once('close', () => resolve());
      this.child.kill('SIGKILL');
    });
  }

  private answer(): Promise<string> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}
