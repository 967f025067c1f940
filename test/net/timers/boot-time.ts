import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * The time since boot as one program sees it. A suspended computer counts it on, while every timer, those of the packet
 * filter included, stands still: `sleep` does to the program what a suspend of that length would.
 */
export class BootTime {
  /** Command that runs the program given after it with this time in place of the computer's. */
  readonly wrapper: readonly string[];
  private readonly file: number;
  private readonly timer: NodeJS.Timeout;
  private sleptMs = 0;

  /** @param path of a file that stands for /proc/uptime */
  constructor(path: string) {
    this.file = openSync(path, 'w');
    this.write();
    this.timer = setInterval(() => this.write(), 20).unref();
    const mounting = 'mount --bind "$0" /proc/uptime && exec "$@"';
    this.wrapper = ['unshare', '--mount', 'sh', '-c', mounting, path];
  }

  sleep(ms: number): void {
    this.sleptMs += ms;
    this.write();
  }

  close(): void {
    clearInterval(this.timer);
    closeSync(this.file);
  }

  /** In place and always of one length: a reader in between sees the old or the new. */
  private write(): void {
    const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + this.sleptMs / 1000;
    writeSync(this.file, `${seconds.toFixed(2).padStart(15, '0')} 0.00\n`, 0);
  }
}
