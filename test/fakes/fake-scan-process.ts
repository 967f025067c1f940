import type { ScanControl, ScanEvent, ScanMatch, ScanOrder } from '../../agent/detect/scan-messages.js';
import type { ScanHandlers, ScanProcess, StartScan } from '../../agent/detect/scan-port.js';
import { IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';

/** A scan process that finds what a test says. */
export class FakeScanProcess implements ScanProcess {
  readonly told: ScanControl['kind'][] = [];
  killed = false;

  constructor(
    readonly order: ScanOrder,
    private readonly handlers: ScanHandlers,
  ) {}

  tell(control: Exclude<ScanControl, { kind: 'start' }>): void {
    this.told.push(control.kind);
  }

  kill(): void {
    this.killed = true;
  }

  match(match: ScanMatch): void {
    this.say({ kind: 'match', match });
  }

  progress(percent: number, files = percent): void {
    this.say({
      kind: 'progress',
      percent,
      progress: ScanProgress.fromPartial({ filesScanned: BigInt(files), activity: 'files in /x' }),
      checkpoint: { state: { at: percent }, at: percent },
    });
  }

  done(result: Partial<IocScanResult> = {}): void {
    this.say({ kind: 'done', result: IocScanResult.fromPartial(result) });
  }

  fails(detail: string): void {
    this.say({ kind: 'failed', detail });
  }

  /** It ends by itself. */
  dies(how = 'killed by SIGSEGV'): void {
    this.handlers.ended(how);
  }

  private say(event: ScanEvent): void {
    // Across a process boundary.
    this.handlers.event(structuredClone(event));
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
