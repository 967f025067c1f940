import type { ChildProcess } from 'node:child_process';
import type { Host } from '../site/index.js';
import { sleep } from '../containment/scene.js';

/** Counts the transactions that change the packet filter of a host, whoever makes them. */
export class RulesWatch {
  private text = '';

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (this.text += part));
  }

  /** Watches from now on: what it tells is shown first with a change of its own. */
  static async start(host: Host): Promise<RulesWatch> {
    const watch = new RulesWatch(host.spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] }));
    while (watch.transactions() === 0) {
      await host.exec('nft', ['add table inet watched; delete table inet watched']);
      await sleep(50);
    }
    return watch;
  }

  /** Transactions since the start. */
  transactions(): number {
    return this.text.split('# new generation').length - 1;
  }

  /** Transactions while `work` ran, and a moment longer. */
  async during(work: () => Promise<void>): Promise<number> {
    await sleep(300);
    const before = this.transactions();
    await work();
    await sleep(300);
    return this.transactions() - before;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }
}
