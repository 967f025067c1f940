import type { ScanProblem } from '../../../shared/gen/cordon/v1/command.js';

/** IocScanResult takes no more; the rest is counted. */
const MOST_PROBLEMS = 100;
const LONGEST_SUBJECT = 4096;
const LONGEST_DETAIL = 1000;

/** What could not be looked at. */
export class Problems {
  private readonly seen: Set<string>;

  constructor(
    private readonly list: ScanProblem[] = [],
    private left = 0,
  ) {
    this.seen = new Set(list.map(keyOf));
  }

  /** The same one twice counts once, as long as it is among those that are told. */
  add(subject: string, detail: string): void {
    const problem = { subject: subject.slice(0, LONGEST_SUBJECT), detail: detail.slice(0, LONGEST_DETAIL) };
    if (this.seen.has(keyOf(problem))) return;
    if (this.list.length === MOST_PROBLEMS) {
      this.left += 1;
      return;
    }
    this.seen.add(keyOf(problem));
    this.list.push(problem);
  }

  get told(): readonly ScanProblem[] {
    return this.list;
  }

  get omitted(): number {
    return this.left;
  }
}

const keyOf = ({ subject, detail }: ScanProblem): string => `${subject}\n${detail}`;
