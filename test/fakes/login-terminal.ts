import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { until } from '../fault/until.js';

const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

/** What tests with terminals cannot do without. */
export const TERMINALS = {
  met:
    process.getuid?.() === 0 &&
    has('wall') &&
    has('script') &&
    spawnSync('unshare', ['--mount', 'true']).status === 0,
  why: 'needs root, wall and script (bsdutils), and mount namespaces',
};

/** A pseudo terminal on which nothing runs that prints: what is on it, others wrote there. */
export class LoginTerminal {
  private text = '';

  private constructor(
    private readonly child: ChildProcess,
    /** File that says which terminal it is. */
    private readonly file: string,
  ) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.text += text));
  }

  /** @param file to be made, in a folder of the test */
  static async open(file: string): Promise<LoginTerminal> {
    const args = ['-qefc', `tty > ${file}; exec sleep 60`, '/dev/null'];
    const child = spawn('script', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const isOpen = (): boolean => existsSync(file) && readFileSync(file, 'utf8').includes('\n');
    await until(`terminal ${file}`, 8_000, isOpen);
    return new LoginTerminal(child, file);
  }

  get printed(): string {
    return this.text;
  }

  /** Command that runs the program given after it where only the user of this terminal is logged in. */
  get loggedIn(): readonly string[] {
    const records = `${this.file}.utmp`;
    writeFileSync(records, loginRecord(readFileSync(this.file, 'utf8').trim().replace('/dev/', '')));
    const mounting = 'mount -t tmpfs none /run && cp "$0" /run/utmp && exec "$@"';
    return ['unshare', '--mount', 'sh', '-c', mounting, records];
  }

  close(): void {
    this.child.kill('SIGKILL');
  }
}

/** One record of the list of who is logged in, as utmp(5) has it on 64-bit Linux. */
function loginRecord(line: string): Buffer {
  const record = Buffer.alloc(384);
  const USER_PROCESS = 7;
  record.writeInt16LE(USER_PROCESS, 0);
  record.writeInt32LE(process.pid, 4);
  record.write(line, 8);
  record.write(line.slice(-4), 40);
  record.write('somebody', 44);
  return record;
}
