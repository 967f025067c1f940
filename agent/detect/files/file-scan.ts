import { dirname } from 'node:path';
import type { Value } from '../item.js';
import type { Evaluation } from '../match/evaluation.js';
import type { Matcher } from '../match/matcher.js';
import { NEEDS_CONTENT, NEEDS_STAT } from '../match/needs.js';
import { HASH_TERMS, NAME, stageOf } from '../match/stages.js';
import type { TypeMatcher } from '../match/type-matcher.js';
import type { ScanMatch } from '../scan-messages.js';
import { Batch, noCounts, type Candidate } from './batch.js';
import type { ContentReaders } from './content-readers.js';
import { nameValues, statOf, statValues, type FileFacts } from './file-item.js';
import { shown } from './raw-path.js';
import type { Content } from './read-content.js';
import type { Scope } from './scope.js';
import { readable, Walker, type WalkEntry, type WalkPosition } from './walker.js';

export interface FileScanParts {
  readonly matcher: Matcher;
  readonly view: TypeMatcher;
  readonly scope: Scope;
  /** Where an earlier process of this scan had come to. */
  readonly after: WalkPosition | undefined;
  readonly readers: ContentReaders;
  readonly facts: FileFacts;
  readonly platform: NodeJS.Platform;
  /** Larger files get no hash. */
  readonly maxBytes: number;
  /** Resolves once the match is safe, with what became of it. */
  readonly report: (match: ScanMatch) => Promise<'reported' | 'known' | 'omitted'>;
  readonly problem: (subject: string, detail: string) => void;
  /** Called often: gives others a turn, waits while the scan is held. False: the scan ends. */
  readonly turn: () => Promise<boolean>;
  /** Milliseconds that it may keep others waiting. */
  readonly turnMs: number;
}

/** Files that a thread gets at once, and entries that count as one. */
const BATCH_FILES = 32;
const BATCH_ENTRIES = 1024;

/**
 * Looks at all files in scope. Names and properties are worked out here, contents by threads; a batch of files is on its way
 * through those while the walk goes on.
 */
export class FileScan {
  /** Of everything up to `position`. */
  readonly counts = noCounts();
  /** Folder that is being looked at. */
  folder = '';
  /** Everything up to here is done and reported; undefined: nothing. */
  position: WalkPosition | undefined;
  /** Part of the walk up to there, 0 to 1. */
  done = 0;

  private readonly walker: Walker;
  private readonly askedNames: ReadonlySet<string>;
  private readonly asked: ReadonlySet<string>;
  private readonly wantsFacts: boolean;
  private batch = new Batch();
  /** In the order of the walk, from the first one that is not done. */
  private readonly open: Batch[] = [];
  private failed: unknown;
  private wake: () => void = () => undefined;
  private since = performance.now();

  constructor(private readonly parts: FileScanParts) {
    const { matcher, facts, scope, after } = parts;
    this.position = after;
    this.asked = matcher.terms('FileItem');
    this.askedNames = new Set([...this.asked].filter((term) => stageOf(term) === NAME));
    this.wantsFacts = [...facts.terms].some((term) => this.asked.has(term));
    this.walker = new Walker({
      scope,
      after,
      problem: (subject, detail) => this.batch.problems.push({ subject, detail }),
      vanished: () => (this.batch.counts.vanished += 1),
    });
  }

  /** Batches whose files are being read. */
  get reading(): number {
    return this.open.length;
  }

  /** Goes to the end. False: the scan was to end before. */
  async run(): Promise<boolean> {
    for (let entry = this.walker.next(); entry; entry = this.walker.next()) {
      const looked = this.look(entry);
      if (looked) await looked;
      const { candidates, counts } = this.batch;
      if (candidates.length >= BATCH_FILES || counts.files >= BATCH_ENTRIES) {
        if (!(await this.send())) return false;
      }
      if (performance.now() - this.since > this.parts.turnMs && !(await this.turn())) return false;
    }
    if (!(await this.send())) return false;
    while (this.open.length > 0) {
      this.throwFailure();
      if (!(await this.turn())) return false;
      if (this.open.length > 0) await this.somethingDone();
    }
    this.throwFailure();
    this.done = 1;
    return true;
  }

  private async turn(): Promise<boolean> {
    const goOn = await this.parts.turn();
    this.since = performance.now();
    return goOn;
  }

  /** Something to wait for only where it takes time: most files have nothing to wait for. */
  private look(entry: WalkEntry): Promise<void> | undefined {
    this.batch.counts.files += 1;
    const { view, platform } = this.parts;
    const evaluation = view.evaluation();
    if (this.askedNames.size > 0) evaluation.add(nameValues(entry.path, platform, this.askedNames), 0);
    const needs = evaluation.needs();
    const candidate = { entry, evaluation };
    if (needs === 0) return evaluation.anyHeld ? this.conclude(candidate, this.batch) : undefined;
    if (needs & NEEDS_CONTENT && entry.kind === 'file') {
      this.batch.candidates.push(candidate);
      return undefined;
    }
    return this.advance(candidate, this.batch).then((open) => {
      if (open) this.batch.candidates.push(candidate);
    });
  }

  /** Finds out what costs little. True: only its content can decide. */
  private async advance(candidate: Candidate, batch: Batch): Promise<boolean> {
    const { entry, evaluation } = candidate;
    for (let needs = evaluation.needs(); needs !== 0; needs = evaluation.needs()) {
      if (needs & NEEDS_STAT) await this.addStat(candidate, batch);
      else if (entry.kind === 'file') return true;
      else evaluation.add([], NEEDS_CONTENT);
    }
    if (evaluation.anyHeld) await this.conclude(candidate, batch);
    return false;
  }

  private async addStat({ entry, evaluation }: Candidate, batch: Batch): Promise<void> {
    try {
      const stats = statOf(entry.path);
      evaluation.add(statValues(stats), NEEDS_STAT);
      if (this.wantsFacts) {
        evaluation.add(await this.parts.facts.about(entry.path, stats, this.asked), NEEDS_STAT);
      }
    } catch (error) {
      evaluation.add([], NEEDS_STAT);
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') batch.counts.vanished += 1;
      else batch.problems.push({ subject: shown(entry.path), detail: readable(code, message) });
    }
  }

  private async conclude({ entry, evaluation }: Candidate, batch: Batch): Promise<void> {
    const { matcher, view } = this.parts;
    for (const match of matcher.conclude(view, evaluation, () => this.everything(entry, evaluation))) {
      // A path that is no text cannot be handed on as one: nobody could open it.
      const file = typeof entry.path === 'string' && entry.kind === 'file' ? match.file : undefined;
      const outcome = await this.parts.report({ ...match, file });
      if (outcome === 'omitted') batch.counts.omitted += 1;
    }
  }

  private everything(entry: WalkEntry, { values }: Evaluation): ReadonlyMap<string, readonly Value[]> {
    const all = new Map<string, readonly Value[]>(nameValues(entry.path, this.parts.platform));
    try {
      for (const [term, list] of statValues(statOf(entry.path))) all.set(term, list);
    } catch {
      // It has gone away since: what is known of it is told.
    }
    for (const [term, list] of values) all.set(term, list);
    return all;
  }

  /** False: the scan ends. */
  private async send(): Promise<boolean> {
    const { batch } = this;
    batch.position = this.walker.position();
    batch.done = this.walker.done();
    this.batch = new Batch();
    this.open.push(batch);
    const last = batch.candidates.at(-1);
    if (last) this.folder = dirname(shown(last.entry.path));
    void this.finish(batch).then(
      (finished) => this.settle(batch, finished),
      (error: unknown) => {
        this.failed ??= error ?? new Error('the files cannot be read');
        this.wake();
      },
    );
    // Every thread has one batch and another one that waits; what is done meanwhile waits here.
    const most = this.parts.readers.width * 2 + 2;
    while (this.open.length > most) {
      this.throwFailure();
      if (!(await this.turn())) return false;
      if (this.open.length > most) await this.somethingDone();
    }
    return true;
  }

  private somethingDone(): Promise<void> {
    if (this.failed !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      // Held and ended scans are seen to by `turn`.
      const timer = setTimeout(resolve, LONGEST_WAIT_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Reads the files of a batch until all documents are decided. False: the scan ends. */
  private async finish(batch: Batch): Promise<boolean> {
    let candidates: Candidate[] = batch.candidates;
    while (candidates.length > 0) {
      const jobs = candidates.map(({ entry, evaluation }) => ({
        path: entry.path,
        needs: evaluation.needs(),
      }));
      const contents = await this.parts.readers.read(jobs);
      const left: Candidate[] = [];
      for (const [at, candidate] of candidates.entries()) {
        const content = contents[at];
        if (!content || content.kind === 'stopped') return false;
        this.addContent(candidate, jobs[at]?.needs ?? 0, content, batch);
        const { evaluation } = candidate;
        // Most files end here, with nothing to wait for.
        if (evaluation.needs() === 0 && !evaluation.anyHeld) continue;
        if (await this.advance(candidate, batch)) left.push(candidate);
      }
      candidates = left;
    }
    return true;
  }

  private addContent({ entry, evaluation }: Candidate, needs: number, content: Content, batch: Batch): void {
    const problem = (detail: string): void =>
      void batch.problems.push({ subject: shown(entry.path), detail });
    switch (content.kind) {
      case 'read': {
        const hashes = new Map<string, string>(content.hashes);
        const told = [...HASH_TERMS].flatMap(([term, algorithm]): [string, readonly Value[]][] => {
          const hex = hashes.get(algorithm);
          return hex === undefined ? [] : [[term, [hex]]];
        });
        evaluation.add([...told, ...content.program], needs);
        batch.counts.bytes += content.bytes;
        if (content.changed) problem('was written to while it was read; its hashes may be of no use');
        break;
      }
      case 'too large':
        evaluation.add(content.program, NEEDS_CONTENT);
        batch.counts.bytes += content.bytes;
        problem(`is larger than ${this.parts.maxBytes} bytes: its hashes were not made`);
        break;
      case 'failed':
        evaluation.add([], NEEDS_CONTENT);
        problem(content.detail);
        break;
      case 'vanished':
      case 'stopped':
        evaluation.add([], NEEDS_CONTENT);
        batch.counts.vanished += 1;
    }
  }

  private settle(batch: Batch, finished: boolean): void {
    batch.finished = finished;
    for (let first = this.open[0]; first?.finished; first = this.open[0]) {
      this.open.shift();
      this.counts.files += first.counts.files;
      this.counts.bytes += first.counts.bytes;
      this.counts.vanished += first.counts.vanished;
      this.counts.omitted += first.counts.omitted;
      for (const { subject, detail } of first.problems) this.parts.problem(subject, detail);
      this.position = first.position;
      this.done = first.done;
    }
    this.wake();
  }

  private throwFailure(): void {
    if (this.failed !== undefined) throw this.failed as Error;
  }
}

const LONGEST_WAIT_MS = 50;
