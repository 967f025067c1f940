import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Host } from '../site/index.js';
import type { OperatorAnswer, OperatorCall } from './operator-process.js';

const PROGRAM = fileURLToPath(new URL('./operator-process.js', import.meta.url));

/** An operator who types many commands on a host. Ends with the host. */
export class Operator {
  private readonly waiting = new Map<number, (answer: OperatorAnswer) => void>();
  private calls = 0;

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (answer: OperatorAnswer) => {
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
  }

  /** @param config value of CORDON_CONFIG */
  static start(host: Host, config: string): Operator {
    const env = { ...process.env, CORDON_CONFIG: config };
    return new Operator(host.spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 2, 2, 'ipc'] }));
  }

  async call(args: readonly string[], input: string): ReturnType<Host['exec']> {
    const id = ++this.calls;
    const answered = new Promise<OperatorAnswer>((resolve) => this.waiting.set(id, resolve));
    this.child.send({ id, args, input } satisfies OperatorCall);
    const { code, stdout, stderr } = await answered;
    return { code: code ?? -1, stdout, stderr };
  }
}
