import type { ChildProcess } from 'node:child_process';
import type { Host } from '../site/index.js';

/** A program in a host's namespace whose output is kept. */
export class LoggedProcess {
  private output = '';
  private readonly child: ChildProcess;
  private ended = false;

  constructor(
    host: Host,
    private readonly command: string,
    args: readonly string[],
  ) {
    this.child = host.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.child.once('close', () => (this.ended = true));
  }

  /** How often the pattern occurs in the output so far. */
  count(pattern: RegExp): number {
    return [...this.output.matchAll(new RegExp(pattern, 'g'))].length;
  }

  /**
   * Waits until the pattern occurs in what is written from now on.
   * @param act what to do in between; its output counts
   * @returns the match
   */
  async until(pattern: RegExp, limitMs = 8_000, act?: () => Promise<unknown>): Promise<RegExpMatchArray> {
    const from = this.output.length;
    const deadline = performance.now() + limitMs;
    await act?.();
    for (;;) {
      const match = this.output.slice(from).match(pattern);
      if (match) return match;
      if (this.ended || performance.now() > deadline) {
        throw new Error(
          `${this.command}: no ${String(pattern)} in ${this.output.slice(from) || 'no output'}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends the program at once. */
  async kill(): Promise<void> {
    if (this.ended) return;
    await new Promise((resolve) => {
      this.child.once('close', resolve);
      this.child.kill('SIGKILL');
    });
  }
}
