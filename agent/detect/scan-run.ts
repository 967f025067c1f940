import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { IocScanCommand, IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import type { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import type { Logger } from '../../shared/log.js';
import type { RunControl, Steering } from '../commands/job.js';
import { Serial } from '../serial.js';
import { ABANDONED, type DetectionDesk } from './detection-desk.js';
import type { ScanFolder, ScanState } from './scan-folder.js';
import type { Checkpoint, ScanEvent, ScanMatch, ScanOrder } from './scan-messages.js';
import type { ScanProcess, StartScan } from './scan-port.js';

/** Where it has come to is written down this often. */
const SAVE_EVERY_MS = 2_000;
/** How long the process has to tell what it has found when it is to end. */
const FINISH_WITHIN_MS = 10_000;
/** A process that ends by itself so often without having come further would do so again. */
const MOST_FRUITLESS = 3;

export const WAITS_FOR_ROOM = 'waits until the server has taken the detections that it was not told yet';

export interface ScanRunParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly start: StartScan;
  readonly desk: DetectionDesk;
  readonly folder: ScanFolder;
  readonly command: IocScanCommand;
  /** Everything but the checkpoint, which is that of the state. */
  readonly order: Omit<ScanOrder, 'checkpoint'>;
  readonly state: ScanState;
  readonly control: RunControl;
}

/** One scan from the start of its process to its result, whatever becomes of the process in between. */
export class ScanRun {
  private readonly serial = new Serial();
  private readonly giveUp = new AbortController();
  private state: ScanState;
  private process: ScanProcess | undefined;
  private paused = false;
  private ending: 'finish' | 'abandon' | undefined;
  /** It has settled: whatever its process still says or does is nobody's business. */
  private over = false;
  private waitsForRoom = false;
  private fruitless = 0;
  private unsaved = false;
  private saving: Promise<void> = Promise.resolve();
  private saveTimer: CancelTimer | undefined;
  private deadline: CancelTimer | undefined;
  private settle: (result: IocScanResult | undefined) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;

  constructor(private readonly parts: ScanRunParts) {
    this.state = parts.state;
  }

  /**
   * Resolves to the result; undefined: it was told to end and the process did not say what it had found.
   * @throws Error where the scan cannot be made, or its process ends again and again
   */
  async run(): Promise<IocScanResult | undefined> {
    const { control, desk, folder } = this.parts;
    const result = new Promise<IocScanResult | undefined>((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
    const steering = control.steering.subscribe((word) => this.steer(word));
    try {
      this.startAfter(() => desk.finishPending(folder.findings, this.patience()));
      return await result;
    } finally {
      this.over = true;
      steering.unsubscribe();
      this.process?.kill();
      this.deadline?.();
      this.saveTimer?.();
      await this.serial.idle();
      await this.saving;
    }
  }

  private startAfter(work: () => Promise<void>): void {
    this.serial
      .run(work)
      .then(() => this.start())
      .catch(this.fail);
  }

  private start(): void {
    if (this.over) return;
    if (this.ending) return this.settle(undefined);
    const { order, start } = this.parts;
    this.process = start(
      { ...order, checkpoint: this.state.checkpoint },
      { event: (event) => this.take(event), ended: (how) => this.onEnded(how) },
    );
    if (this.paused) this.process.tell({ kind: 'pause' });
  }

  private steer(word: Steering): void {
    switch (word) {
      case 'pause':
      case 'resume':
        this.paused = word === 'pause';
        return this.process?.tell({ kind: word });
      case 'finish':
        this.ending = 'finish';
        this.giveUp.abort();
        this.process?.tell({ kind: 'cancel' });
        this.deadline = this.parts.clock.after(FINISH_WITHIN_MS, () => this.settle(undefined));
        return;
      case 'abandon':
        this.ending = 'abandon';
        this.giveUp.abort(ABANDONED);
        return this.settle(undefined);
    }
  }

  private take(event: ScanEvent): void {
    if (this.over) return;
    switch (event.kind) {
      case 'match':
        return void this.serial.run(() => this.match(event.match)).catch(this.fail);
      case 'progress':
        return this.note(event.percent, event.progress, event.checkpoint);
      case 'done':
        return void this.serial.idle().then(() => this.settle(event.result));
      case 'failed':
        return this.fail(new Error(event.detail));
    }
  }

  private async match(match: ScanMatch): Promise<void> {
    const { command, desk, folder, order } = this.parts;
    await desk.take(match, command, order.scanId, folder.findings, this.patience());
    if (this.ending !== 'abandon') this.process?.tell({ kind: 'acknowledge' });
  }

  private note(percent: number, progress: ScanProgress, checkpoint: Checkpoint): void {
    const further = percent > this.state.percent || movedOn(this.state.progress, progress);
    this.state = { ...this.state, percent, progress, checkpoint };
    if (further) this.fruitless = 0;
    this.tell();
    if (further || this.unsaved) this.saveSoon();
  }

  /** What the process does meanwhile is not what a person has to know. */
  private tell(): void {
    const { percent, progress } = this.state;
    const activity = this.waitsForRoom ? WAITS_FOR_ROOM : progress.activity;
    const detections = this.parts.folder.findings.count;
    this.parts.control.progress(percent, { ...progress, activity, detections });
  }

  private saveSoon(): void {
    this.unsaved = true;
    this.saveTimer ??= this.parts.clock.after(SAVE_EVERY_MS, () => {
      this.saveTimer = undefined;
      this.unsaved = false;
      this.saving = this.saving.then(() => this.save());
    });
  }

  private async save(): Promise<void> {
    const { folder, control, log } = this.parts;
    try {
      await folder.saveInBackground(this.state);
      control.advanced();
    } catch (error) {
      log.error({ err: error }, 'it cannot be saved how far a scan has come; make room in the data folder');
    }
  }

  private onEnded(how: string): void {
    const { log } = this.parts;
    if (this.over) return;
    if (this.ending) return this.settle(undefined);
    this.fruitless += 1;
    if (this.fruitless > MOST_FRUITLESS) {
      return this.fail(
        new Error(`the scan process ended ${this.fruitless} times in a row by itself: ${how}`),
      );
    }
    log.warn({ how }, 'a scan process ended by itself; another one goes on from where it had come to');
    this.startAfter(() => Promise.resolve());
  }

  private patience(): { waits: (waiting: boolean) => void; signal: AbortSignal } {
    return {
      signal: this.giveUp.signal,
      waits: (waiting) => {
        this.waitsForRoom = waiting;
        this.tell();
      },
    };
  }
}

function movedOn(before: ScanProgress, now: ScanProgress): boolean {
  return (
    now.filesScanned > before.filesScanned ||
    now.itemsScanned > before.itemsScanned ||
    now.bytesHashed > before.bytesHashed
  );
}
