import type { ScanMatch } from '../scan-messages.js';

/** Limits of IocScanResult: what is beyond is counted, not reported. */
const MOST_OF_DOCUMENT = 100;
const MOST_OF_SCAN = 500;

/** Matches that were reported and are safe with the agent. */
export class Detections {
  private readonly counts: Map<string, number>;
  private reported: number;
  private readonly known: Set<string>;
  /** The next one is reported when the one before is safe. */
  private turn: Promise<unknown> = Promise.resolve();

  /**
   * @param counts by hash of the document, of earlier processes of this scan
   * @param known keys of matches that those reported and this one may come to again
   * @param tell resolves when the agent has it safe
   */
  constructor(
    counts: Readonly<Record<string, number>>,
    known: Iterable<string>,
    private readonly tell: (match: ScanMatch) => Promise<void>,
    /** Called when one has been counted, before the next one is told. */
    private readonly counted: (key: string) => void,
  ) {
    this.counts = new Map(Object.entries(counts));
    this.known = new Set(known);
    this.reported = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when it is safe. */
  report(match: ScanMatch): Promise<'reported' | 'known' | 'omitted'> {
    const done = this.turn.then(() => this.reportNow(match));
    this.turn = done.catch(() => undefined);
    return done;
  }

  get total(): number {
    return this.reported;
  }

  of(documentHash: string): number {
    return this.counts.get(documentHash) ?? 0;
  }

  state(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }

  private async reportNow(match: ScanMatch): Promise<'reported' | 'known' | 'omitted'> {
    if (this.known.has(match.key)) return 'known';
    const count = this.of(match.documentHash);
    if (count >= MOST_OF_DOCUMENT || this.reported >= MOST_OF_SCAN) return 'omitted';
    await this.tell(match);
    this.known.add(match.key);
    this.counts.set(match.documentHash, count + 1);
    this.reported += 1;
    this.counted(match.key);
    return 'reported';
  }
}
