import type { RunningScan, ScanEnd, ScanHandlers } from '../../agent/detect/process/scan-process.js';
import type { ScanMatch, ScanOrder } from '../../agent/detect/scan-messages.js';
import type { StartScan } from '../../agent/detect/scan-port.js';
import { IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';

/** A scan process that finds what a test says. */
export class FakeScanProcess implements Omit<RunningScan, 'pid'> {
  /** What it was told, matches that are safe among it. */
  readonly told: ('acknowledge' | 'pause' | 'resume' | 'cancel')[] = [];
  killed = false;
  readonly ended: Promise<ScanEnd>;
  private end: (end: ScanEnd) => void = () => undefined;

  constructor(
    readonly order: ScanOrder,
    private readonly handlers: ScanHandlers,
  ) {
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  pause(): void {
    this.told.push('pause');
  }

  resume(): void {
    this.told.push('resume');
  }

  cancel(): void {
    this.told.push('cancel');
  }

  kill(): void {
    this.killed = true;
    this.fails('the scan was ended');
  }

  match(match: ScanMatch): void {
    // Across a process boundary.
    void this.handlers.match(structuredClone(match)).then(
      () => this.told.push('acknowledge'),
      () => undefined,
    );
  }

  progress(percent: number, files = percent): void {
    this.handlers.progress({
      kind: 'progress',
      percent,
      progress: ScanProgress.fromPartial({ filesScanned: BigInt(files), activity: 'files in /x' }),
      checkpoint: { state: { at: percent }, at: percent },
    });
  }

  done(result: Partial<IocScanResult> = {}): void {
    this.end({ kind: 'done', result: IocScanResult.fromPartial(result) });
  }

  /** It cannot go on, or has ended by itself. */
  fails(detail = 'the scan process ended early (SIGSEGV)'): void {
    this.end({ kind: 'failed', detail });
  }
}

/** Starts such processes, and remembers them. */
export class FakeScanner {
  readonly processes: FakeScanProcess[] = [];

  readonly start: StartScan = (order, handlers) => {
    const process = new FakeScanProcess(structuredClone(order), handlers);
    this.processes.push(process);
    return process;
  };

  get last(): FakeScanProcess {
    const last = this.processes.at(-1);
    if (!last) throw new Error('no scan process was started');
    return last;
  }
}

/** A match of a document with a file. */
export function matchOf(key: string, change: Partial<ScanMatch> = {}): ScanMatch {
  return {
    key,
    documentHash: 'ab'.repeat(32),
    documentId: 'doc-1',
    documentName: 'Zeus',
    items: [{ itemType: 'FileItem', fields: [{ term: 'FileItem/FullPath', value: `/tmp/${key}` }] }],
    nodes: [
      { depth: 0, indicatorId: 'or', node: { $case: 'group', value: { operator: 'OR' } } },
      {
        depth: 1,
        indicatorId: 'md5',
        node: {
          $case: 'term',
          value: { term: 'FileItem/Md5sum', condition: 'is', content: 'd41d8c', value: 'd41d8c' },
        },
      },
    ],
    nodesOmitted: 0,
    file: undefined,
    process: undefined,
    ...change,
  };
}
