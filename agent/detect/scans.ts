import { CommandResult, IocScanResult, type IocScanCommand } from '../../shared/gen/cordon/v1/command.js';
import { IocScanSettings, ScanArea, ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import { isId } from '../../shared/ids.js';
import { toDuration } from '../../shared/time.js';
import type { LongJob, RunControl } from '../commands/job.js';
import { join } from 'node:path';
import { readFolderIfThere } from '../read-folder.js';
import { boundedResult } from './bounds.js';
import { DetectionDesk, type DeskParts } from './detection-desk.js';
import type { Documents } from './documents.js';
import { ScanFolder, SCANS_FOLDER, type ScanState } from './scan-folder.js';
import { ScanRun } from './scan-run.js';
import type { StartScan } from './scan-port.js';

/** More documents than the contract allows a command. */
const MOST_DOCUMENTS = 1000;

export interface ScansParts extends DeskParts {
  readonly dataDir: string;
  readonly documents: Documents;
  readonly start: StartScan;
  /** Paths of the agent itself, which are not scanned. */
  readonly ownPaths: readonly string[];
}

const NOTHING_YET: ScanState = {
  restarts: 0,
  refused: [],
  percent: 0,
  progress: ScanProgress.fromPartial({}),
  checkpoint: undefined,
};

/** IOC scans of this device. */
export class Scans {
  private readonly desk: DetectionDesk;

  constructor(private readonly parts: ScansParts) {
    this.desk = new DetectionDesk(parts);
  }

  /**
   * Finishes what an earlier agent had found and not told yet, and forgets scans whose command is over. To be called once,
   * before any scan runs.
   * @param isOpen whether a command is
   */
  async recover(isOpen: (commandId: string) => boolean): Promise<void> {
    const { dataDir, log } = this.parts;
    const now = { waits: () => undefined, signal: AbortSignal.abort() };
    for (const commandId of readFolderIfThere(join(dataDir, SCANS_FOLDER))) {
      const folder = new ScanFolder(dataDir, commandId);
      try {
        await this.desk.finishPending(folder.findings, now);
        if (!isOpen(commandId)) folder.remove();
      } catch (error) {
        log.error(
          { err: error, command: commandId },
          'what a scan had found cannot be told; trying at the next start',
        );
      }
    }
  }

  /** The job of a command; undefined: its id cannot be one. */
  job(command: IocScanCommand, commandId: string): LongJob | undefined {
    if (!isId(commandId)) return undefined;
    const folder = new ScanFolder(this.parts.dataDir, commandId);
    return {
      kind: 'long',
      ready: () => this.isReady(command, folder),
      run: (control) => this.run(command, commandId, folder, control),
      found: () => foundSoFar(folder),
      forget: () => {
        // What is still to be told is told by the next start.
        if (folder.findings.pending().length === 0) folder.remove();
      },
    };
  }

  private isReady(command: IocScanCommand, folder: ScanFolder): boolean {
    const { documents } = this.parts;
    const known = new Set(folder.load()?.refused.map(({ hash }) => hash));
    return hashesOf(command).every(
      (hash) => documents.has(hash) || known.has(hash) || documents.refusal(hash) !== undefined,
    );
  }

  private async run(
    command: IocScanCommand,
    commandId: string,
    folder: ScanFolder,
    control: RunControl,
  ): Promise<CommandResult | undefined> {
    const { documents, ownPaths } = this.parts;
    const state = this.begin(command, folder);
    const usable = hashesOf(command).filter((hash) => documents.has(hash));
    if (usable.length === 0) {
      const why = state.refused[0]?.reason ?? 'the command names none';
      throw new Error(`the scan has no document to look for: ${why}`);
    }
    const order = {
      scanId: commandId,
      documents: usable.map((hash) => ({ hash, path: documents.use(hash) })),
      settings: command.settings ?? IocScanSettings.fromPartial({}),
      ownPaths,
    };
    const run = new ScanRun({ ...this.parts, desk: this.desk, folder, command, order, state, control });
    const result = await run.run();
    if (!result) return undefined;
    const whole = {
      ...result,
      restarts: state.restarts,
      detections: folder.findings.count,
      documents: [...result.documents, ...refusedIn(state)],
      worked: toDuration(control.workedMs()),
    };
    return CommandResult.fromPartial({ outcome: { $case: 'iocScan', value: boundedResult(whole) } });
  }

  /** Which documents are used is decided once, at the start of the first run. */
  private begin(command: IocScanCommand, folder: ScanFolder): ScanState {
    const { documents } = this.parts;
    const before = folder.load();
    if (command.documentHashes.length > MOST_DOCUMENTS)
      throw new Error('the command names too many documents');
    checkArea(command);
    const refused = hashesOf(command).flatMap((hash) => {
      const known = before?.refused.find((each) => each.hash === hash);
      const reason = known?.reason ?? documents.refusal(hash);
      return reason === undefined ? [] : [{ hash, reason }];
    });
    const state = before
      ? { ...before, refused, restarts: before.restarts + 1 }
      : { ...NOTHING_YET, refused };
    folder.save(state);
    return state;
  }
}

/** A scan that looks nowhere, or elsewhere than was meant, must not end as one that found nothing. */
function checkArea({ settings }: IocScanCommand): void {
  if (!settings) return;
  const { area, folders } = settings;
  if (area === ScanArea.UNRECOGNIZED || ScanArea[area] === undefined) {
    throw new Error('the command names an area to scan that this agent does not know; it has to be updated');
  }
  if (area === ScanArea.SCAN_AREA_FOLDERS && folders.length === 0) {
    throw new Error('the command names no folder to scan');
  }
}

/** What a scan had found by its last sign of life, where its process cannot say it any more. */
function foundSoFar(folder: ScanFolder): CommandResult | undefined {
  const state = folder.load();
  if (!state) return undefined;
  const { filesScanned, itemsScanned, bytesHashed } = state.progress;
  const value = IocScanResult.fromPartial({
    filesScanned,
    itemsScanned,
    bytesHashed,
    detections: folder.findings.count,
    restarts: state.restarts,
    documents: refusedIn(state),
  });
  return CommandResult.fromPartial({ outcome: { $case: 'iocScan', value } });
}

function refusedIn({ refused }: ScanState): IocScanResult['documents'] {
  return refused.map(({ hash, reason }) => ({
    hash: Buffer.from(hash, 'hex'),
    displayName: '',
    detections: 0,
    problems: 0,
    refused: reason,
  }));
}

/** SHA-256, hex, of what a command needs. */
export function hashesOf({ documentHashes }: IocScanCommand): string[] {
  return [...new Set(documentHashes.map((hash) => hash.toString('hex')))];
}
