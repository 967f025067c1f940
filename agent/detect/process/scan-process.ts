import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../shared/clock.js';
import type { ScanEvent, ScanMatch, ScanOrder } from '../scan-messages.js';
import type { FromScan, ToScan } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));
/** Memory of the scan's own objects, MiB. A scan that needs more is ended rather than the computer slowed down. */
const HEAP_MIB = 512;
/** A scan that works tells how far it is every second. One that says nothing for so long hangs. */
const PATIENCE_MS = 60_000;
/** Longest time from `cancel` to the end. */
const CANCEL_MS = 10_000;

type Progress = Extract<ScanEvent, { kind: 'progress' }>;
export type ScanEnd = Extract<ScanEvent, { kind: 'done' | 'failed' }>;

export interface ScanHandlers {
  /** Resolves once the match is safe on disk; rejects: it cannot be kept, and the scan is ended as failed. */
  match(match: ScanMatch): Promise<void>;
  progress(progress: Progress): void;
}

/** A scan in a process of its own. */
export interface RunningScan {
  readonly pid: number | undefined;
  /** Stands still within some 100 ms, also in the middle of a large file. */
  pause(): void;
  resume(): void;
  /** Ends soon with `done` and what was found by then. */
  cancel(): void;
  /** Ends at once, without a word: the next process goes on from the last checkpoint. */
  kill(): void;
  /** What it ended with. A process that ends by itself, or hangs, has failed. Never rejects. */
  readonly ended: Promise<ScanEnd>;
}

/** Starts a scan. Its process ends with this one. */
export function startScan(order: ScanOrder, handlers: ScanHandlers, clock: Clock): RunningScan {
  return new ScanProcess(order, handlers, clock);
}

class ScanProcess implements RunningScan {
  readonly ended: Promise<ScanEnd>;
  private readonly child: ChildProcess;
  private end: (end: ScanEnd) => void = () => undefined;
  private isOver = false;
  private activity = 'starting';
  private paused = false;
  private cancelled = false;
  private stopWatch: () => void = () => undefined;

  constructor(
    order: ScanOrder,
    private readonly handlers: ScanHandlers,
    private readonly clock: Clock,
  ) {
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.child = fork(PROGRAM, [], {
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      env: withoutSettings(process.env),
      // Large numbers and bytes cross as they are.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // It has no window of its own on Windows.
      windowsHide: true,
    } as Parameters<typeof fork>[2]);
    this.child.on('message', (event) => this.heard(event as FromScan));
    this.child.on('error', (error) => this.fail(`the scan process could not be run: ${error.message}`));
    this.child.on('exit', (code, signal) => this.exited(signal ?? `code ${code}`));
    this.say({ kind: 'start', order });
    this.watch(PATIENCE_MS);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  pause(): void {
    this.paused = true;
    if (!this.cancelled) this.stopWatch();
    this.say({ kind: 'pause' });
  }

  resume(): void {
    this.paused = false;
    this.say({ kind: 'resume' });
    if (!this.cancelled) this.watch(PATIENCE_MS);
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.say({ kind: 'cancel' });
    this.watch(CANCEL_MS);
  }

  kill(): void {
    this.fail('the scan was ended');
  }

  private heard(event: FromScan): void {
    if (this.isOver) return;
    switch (event.kind) {
      case 'match':
        this.handlers.match(event.match).then(
          () => this.say({ kind: 'acknowledge' }),
          (error: unknown) => this.fail(`a detection could not be kept: ${(error as Error).message}`),
        );
        return;
      case 'progress':
        this.activity = event.progress.activity;
        if (!this.paused && !this.cancelled) this.watch(PATIENCE_MS);
        this.handlers.progress(event);
        return;
      case 'done':
      case 'failed':
        this.finish(event);
    }
  }

  private exited(how: string): void {
    const fail = (): void => this.fail(`the scan process ended early (${how}) while ${this.activity}`);
    // What it said last may still be on its way.
    if (this.child.connected) this.child.once('disconnect', fail);
    else fail();
  }

  private watch(ms: number): void {
    this.stopWatch();
    if (this.isOver) return;
    this.stopWatch = this.clock.after(ms, () =>
      this.fail(`the scan said nothing for ${ms / 1000} s while ${this.activity}, and was ended`),
    );
  }

  private fail(detail: string): void {
    this.finish({ kind: 'failed', detail });
  }

  private finish(end: ScanEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopWatch();
    this.child.kill('SIGKILL');
    this.end(end);
  }

  private say(message: ToScan): void {
    // A process that is gone has nothing to hear; its end is told by itself.
    if (this.child.connected) this.child.send(message, () => undefined);
  }
}

/** Settings of the agent are none of the scan's business: the secret of an enrolment token may be among them. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const left = Object.entries(environment).filter(([name]) => !/^CORDON_/i.test(name));
  return Object.fromEntries(left);
}
