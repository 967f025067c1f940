import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { IocScanCommand, IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import type { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import type { Logger } from '../../shared/log.js';
import type { RunControl, Steering } from '../commands/job.js';
import { Serial } from '../serial.js';
import { ABANDONED, type DetectionDesk } from './detection-desk.js';
import type { ScanFolder, ScanState } from './scan-folder.js';
import type { ScanEnd } from './process/scan-process.js';
import type { Checkpoint, ScanMatch, ScanOrder } from './scan-messages.js';
import type { StartScan } from './scan-port.js';

/** Where it has come to is written down this often. */
const SAVE_EVERY_MS = 2_000;
/** A scan that fails so often without having come further would do so again. */
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
  private process: ReturnType<StartScan> | undefined;
  private paused = false;
  private ending: 'finish' | 'abandon' | undefined;
  /** It has settled: whatever its process still says or does is nobody's business. */
  private over = false;
  private waitsForRoom = false;
  private fruitless = 0;
  /** The most that any of its processes had done: one that begins anew behind it has not come further. */
  private furthest: Furthest;
  private unsaved = false;
  private saving: Promise<void> = Promise.resolve();
  private saveTimer: CancelTimer | undefined;
  private settle: (result: IocScanResult | undefined) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;

  constructor(private readonly parts: ScanRunParts) {
    this.state = parts.state;
    this.furthest = { ...parts.state.progress, percent: parts.state.percent };
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
    const { order, start, clock } = this.parts;
    const process = start(
      { ...order, checkpoint: this.state.checkpoint },
      {
        match: (match) => this.serial.run(() => this.match(match)),
        progress: ({ percent, progress, checkpoint }) => this.note(percent, progress, checkpoint),
      },
      clock,
    );
    this.process = process;
    if (this.paused) process.pause();
    process.ended.then((end) => this.onEnded(end)).catch(this.fail);
  }

  private steer(word: Steering): void {
    switch (word) {
      case 'pause':
        this.paused = true;
        return this.process?.pause();
      case 'resume':
        this.paused = false;
        return this.process?.resume();
      case 'finish':
        this.ending = 'finish';
        this.giveUp.abort();
        return this.process?.cancel();
      case 'abandon':
        this.ending = 'abandon';
        this.giveUp.abort(ABANDONED);
        return this.settle(undefined);
    }
  }

  /** The process goes on when this resolves; where it has not come to an end, another process finds the match again. */
  private async match(match: ScanMatch): Promise<void> {
    if (this.over) return;
    const { command, desk, folder, order } = this.parts;
    const before = folder.findings.count;
    await desk.take(match, command, order.scanId, folder.findings, this.patience());
    // Its process does not wait for ever until there is room, and is not to blame for that.
    if (folder.findings.count > before) this.fruitless = 0;
  }

  private note(percent: number, progress: ScanProgress, checkpoint: Checkpoint): void {
    if (this.over) return;
    const changed = percent > this.state.percent || movedOn(this.state.progress, progress);
    this.state = { ...this.state, percent, progress, checkpoint };
    if (percent > this.furthest.percent || movedOn(this.furthest, progress)) {
      this.fruitless = 0;
      this.furthest = most(this.furthest, { ...progress, percent });
    }
    this.tell();
    if (changed || this.unsaved) this.saveSoon();
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

  private onEnded(end: ScanEnd): void {
    if (this.over) return;
    if (end.kind === 'done') return this.settle(end.result);
    if (this.ending) return this.settle(undefined);
    this.fruitless += 1;
    if (this.fruitless > MOST_FRUITLESS) return this.fail(new Error(end.detail));
    this.parts.log.warn({ detail: end.detail }, 'a scan failed; it goes on from where it had come to');
    // What it had found is done with first, however long that waits for room.
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

type Counts = Pick<ScanProgress, 'filesScanned' | 'itemsScanned' | 'bytesHashed'>;
type Furthest = Counts & { readonly percent: number };

function most(a: Furthest, b: Furthest): Furthest {
  const larger = (one: bigint, other: bigint): bigint => (one > other ? one : other);
  return {
    percent: Math.max(a.percent, b.percent),
    filesScanned: larger(a.filesScanned, b.filesScanned),
    itemsScanned: larger(a.itemsScanned, b.itemsScanned),
    bytesHashed: larger(a.bytesHashed, b.bytesHashed),
  };
}

function movedOn(before: Counts, now: Counts): boolean {
  return (
    now.filesScanned > before.filesScanned ||
    now.itemsScanned > before.itemsScanned ||
    now.bytesHashed > before.bytesHashed
  );
}
