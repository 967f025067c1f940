import { z } from 'zod';
import { DetectionFound } from '../../shared/gen/cordon/v1/agent_service.js';
import { ResponseOutcome } from '../../shared/gen/cordon/v1/ioc.js';
import { AppendLog } from '../append-log.js';
import type { Finding } from './finding.js';

/** Dead lines in the file before it is rewritten. */
const SLACK = 50;

/** What has been done about a finding so far. */
export interface Answer {
  readonly outcomes: readonly ResponseOutcome[];
  /** Isolation that it started; empty: none. */
  readonly isolationId: string;
}

const hash = z.string().optional();
const finding = z.object({
  key: z.string(),
  eventId: z.string(),
  occurredAtMs: z.number(),
  detection: z.string(),
  reason: z.string(),
  actions: z.array(z.number().int()),
  isolationId: z.string(),
  quarantineId: z.string(),
  file: z.string().optional(),
  hashes: z.object({ md5: hash, sha1: hash, sha256: hash }),
  process: z.object({ pid: z.number().int(), startTime: z.number() }).optional(),
});
const line = z.union([
  z.object({ found: finding }),
  z.object({ answered: z.string(), outcome: z.string(), isolationId: z.string() }),
  z.object({ done: z.array(z.string()) }),
]);

/** Findings of one scan on disk: what is found is never lost, and what is done with is known again. */
export class FindingsLog {
  private readonly log: AppendLog;
  private readonly open = new Map<string, { readonly finding: Finding; answer: Answer }>();
  private readonly finished = new Set<string>();
  /** Keys of findings that are known here and not on disk, because it was full. */
  private readonly unsaved = new Set<string>();

  constructor(path: string) {
    this.log = new AppendLog(path);
    for (const record of this.log.read()) {
      const { data } = line.safeParse(record);
      if (!data) continue;
      if ('found' in data) this.remember(fromLine(data.found));
      else if ('done' in data) for (const key of data.done) this.forget(key);
      else this.answer(data.answered, decodeOutcome(data.outcome), data.isolationId);
    }
  }

  /** Findings of this scan, those that are done with among them. */
  get count(): number {
    return this.open.size + this.finished.size;
  }

  isDone(key: string): boolean {
    return this.finished.has(key);
  }

  isPending(key: string): boolean {
    return this.open.has(key);
  }

  /** Those that something is still to be done about, oldest first. */
  pending(): { readonly finding: Finding; readonly answer: Answer }[] {
    return [...this.open.values()];
  }

  /** Knows a finding from now on; one that is known already stays as it is. Returns what to go on with. */
  found(finding: Finding): { readonly finding: Finding; readonly answer: Answer } {
    const known = this.open.get(finding.key);
    if (known) return known;
    this.unsaved.add(finding.key);
    return this.remember(finding);
  }

  /** Writes a finding down, if it is not yet. @throws Error of the file system; it is known all the same */
  save(key: string): void {
    const entry = this.open.get(key);
    if (!entry || !this.unsaved.has(key)) return;
    this.log.append({ found: toLine(entry.finding) });
    this.unsaved.delete(key);
  }

  /**
   * An action came to its end.
   * @param isolationId isolation that it started; empty: none
   * @throws Error of the file system; it is known all the same
   */
  answered(key: string, outcome: ResponseOutcome, isolationId: string): void {
    this.answer(key, outcome, isolationId);
    this.log.append({ answered: key, outcome: encode(ResponseOutcome.encode(outcome)), isolationId });
  }

  /** Nothing is left to do about a finding. */
  done(key: string): void {
    this.log.append({ done: [key] });
    this.forget(key);
    if (this.log.length <= this.open.size + SLACK) return;
    const open = [...this.open.values()].flatMap(({ finding: each, answer }) => [
      { found: toLine(each) },
      ...answer.outcomes.map((outcome) => ({
        answered: each.key,
        outcome: encode(ResponseOutcome.encode(outcome)),
        isolationId: answer.isolationId,
      })),
    ]);
    this.log.rewrite([{ done: [...this.finished] }, ...open]);
  }

  private remember(each: Finding): { readonly finding: Finding; answer: Answer } {
    const entry = { finding: each, answer: { outcomes: [], isolationId: '' } };
    this.open.set(each.key, entry);
    return entry;
  }

  private answer(key: string, outcome: ResponseOutcome, isolationId: string): void {
    const entry = this.open.get(key);
    if (!entry) return;
    const { outcomes, isolationId: before } = entry.answer;
    entry.answer = { outcomes: [...outcomes, outcome], isolationId: isolationId || before };
  }

  private forget(key: string): void {
    this.open.delete(key);
    this.unsaved.delete(key);
    this.finished.add(key);
  }
}

function toLine({ detection, actions, ...rest }: Finding): z.input<typeof finding> {
  return { ...rest, actions: [...actions], detection: encode(DetectionFound.encode(detection)) };
}

function fromLine({ detection, file, process, ...rest }: z.output<typeof finding>): Finding {
  const hashes = Object.fromEntries(Object.entries(rest.hashes).filter(([, value]) => value !== undefined));
  return {
    ...rest,
    hashes,
    file,
    process,
    detection: DetectionFound.decode(Buffer.from(detection, 'base64')),
  };
}

const encode = (writer: { finish(): Uint8Array }): string => Buffer.from(writer.finish()).toString('base64');

function decodeOutcome(text: string): ResponseOutcome {
  return ResponseOutcome.decode(Buffer.from(text, 'base64'));
}
