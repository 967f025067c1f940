import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { openToolbox, type Toolbox } from './toolbox.js';
import { run, systemEnvironment, type RunResult } from './run.js';

/** One computer of a site: a network namespace with addresses. */
export class Host {
  private readonly children = new Set<ChildProcess>();
  private opened: Promise<Toolbox> | undefined;

  constructor(
    /** Name in the site: `server`, `dev1`, `outside`, `routed`. */
    readonly name: string,
    /** Name of the namespace, as `ip netns` lists it. */
    readonly namespace: string,
    readonly v4: string,
    readonly v6: string,
  ) {}

  /** Command line that runs `command` in this namespace. `ip netns exec` would remount /sys and hide control groups. */
  enter(command: string, args: readonly string[]): readonly [string, string[]] {
    return ['nsenter', [`--net=/run/netns/${this.namespace}`, '--', command, ...args]];
  }

  /** Starts a process in this namespace; it ends with the site at the latest. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program, all] = this.enter(command, args);
    const child = spawn(program, all, { env: systemEnvironment(), ...options });
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    return child;
  }

  /** Runs a command in this namespace to its end; its failure is a code. */
  exec(
    command: string,
    args: readonly string[],
    options?: { readonly input?: string; readonly timeoutMs?: number },
  ): Promise<RunResult> {
    return run(...this.enter(command, args), options);
  }

  /** Sends, receives and measures from inside this namespace. One helper process a host, started at the first call. */
  tools(): Promise<Toolbox> {
    this.opened ??= openToolbox(this);
    return this.opened;
  }

  /**
   * The same from a process of its own in a control group.
   * @param folder the group below the cgroup2 mount; its path must not need quoting in a shell
   */
  toolsInCgroup(folder: string): Promise<Toolbox> {
    return openToolbox(this, ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$0" "$@"`]);
  }

  /** Ends, at once, every process that still runs in this namespace. */
  killAll(): void {
    for (const child of this.children) child.kill('SIGKILL');
    const { stdout } = spawnSync('ip', ['netns', 'pids', this.namespace], { env: systemEnvironment() });
    for (const pid of stdout?.toString().split('\n').filter(Boolean) ?? []) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
}
