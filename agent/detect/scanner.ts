import type { CollectorOutcome, IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import type { ItemType } from '../../shared/ioc/model.js';
import { toDuration } from '../../shared/time.js';
import { foldersOf } from './files/areas.js';
import type { ContentReaders } from './files/content-readers.js';
import { fileTerms, type FileFacts } from './files/file-item.js';
import { FileScan } from './files/file-scan.js';
import type { Mount } from './files/mounts.js';
import { scopeOf } from './files/scope.js';
import type { Collector, Unavailable } from './item.js';
import { KeptSets } from './match/kept-sets.js';
import { Matcher, SCAN_ORDER } from './match/matcher.js';
import { PROGRAM, stageOf } from './match/stages.js';
import type { ScanState } from './scan/checkpoint.js';
import { collectItems } from './scan/collect-items.js';
import { Detections } from './scan/detections.js';
import { loadDocuments, type LoadedDocument } from './scan/load-documents.js';
import { documentOutcome, outcomeOf } from './scan/outcomes.js';
import type { Pace } from './scan/pace.js';
import { Problems } from './scan/problems.js';
import { asWalked, limitsOf } from './scan/settings.js';
import type { Checkpoint, ScanEvent, ScanMatch, ScanOrder } from './scan-messages.js';

/** What a scan uses of the computer. */
export interface ScannerParts {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  /** Called only if a document asks for items that are no files. */
  readonly collectors: () => Promise<readonly (Collector | Unavailable)[]>;
  readonly facts: FileFacts;
  readonly mounts: () => readonly Mount[];
  readonly drives: (network: boolean) => readonly string[];
  /** @param programTerms terms of programs that documents ask for */
  readonly readers: (programTerms: readonly string[]) => ContentReaders;
  readonly pace: Pace;
  /** Changes whenever a thread that reads files has got on. */
  readonly alive: () => number;
  /** Resolves when the agent has the match safe. */
  readonly tellMatch: (match: ScanMatch) => Promise<void>;
  readonly tell: (event: ScanEvent) => void;
  /** Wall clock, milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** At least every second is promised. */
const PROGRESS_MS = 500;
/** Longest time that the scan keeps its own messages waiting, milliseconds. */
const TURN_MS = 15;
/** Longest wait for the next item of a collector. Below the patience of the agent with a scan that says nothing. */
const SILENCE_MS = 45_000;
/** Part of the percentage that items other than files take, where there are both. */
const ITEMS_PERCENT = 10;
/** Longest text of ScanProgress. */
const LONGEST_ACTIVITY = 1024;
const MOST_DOCUMENTS = 1000;

/**
 * One IOC scan: reads the documents, looks at items of the kinds that they ask for, files last, and tells what it comes to.
 * It can go on from a checkpoint after its process has ended: what was reported is not reported again, and what was not
 * looked at is.
 */
export class Scanner {
  private readonly problems: Problems;
  private readonly detections: Detections;
  private readonly kept: KeptSets;
  private readonly outcomes: CollectorOutcome[] = [];
  private documents: readonly LoadedDocument[] = [];
  private files: FileScan | undefined;
  private activity = 'reading the documents';
  private percent: number;
  /** Percentage at which files begin. */
  private filesFrom = 0;
  /** Of the kind that is being looked at: how many, and what was reported. */
  private items = 0;
  private keys: string[];
  private lastAlive = -1;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly order: ScanOrder,
    /** Where an earlier process of this scan had come to. It becomes this scan's. */
    private readonly state: ScanState,
    private readonly parts: ScannerParts,
  ) {
    const { detections, recent, problems, problemsOmitted, kept, percent } = this.state;
    this.percent = percent;
    this.problems = new Problems([...problems], problemsOmitted);
    this.kept = new KeptSets(kept);
    this.keys = [...recent];
    this.detections = new Detections(detections, recent, parts.tellMatch, (key) => {
      this.keys.push(key);
      // The sooner it is in a checkpoint, the less is told twice after a crash.
      this.tellProgress();
    });
  }

  /** Does all of it. Tells `done` at the end, also if it was cancelled. @throws Error where the scan cannot be made */
  async run(): Promise<void> {
    const { pace, tell } = this.parts;
    this.timer = setInterval(() => this.tellProgressIfAlive(), PROGRESS_MS);
    try {
      this.tellProgress();
      await this.work();
    } finally {
      clearInterval(this.timer);
      pace.close();
    }
    this.tellProgress();
    tell({ kind: 'done', result: this.result() });
  }

  private async work(): Promise<void> {
    const { pace } = this.parts;
    if (!(await pace.turn())) return;
    this.documents = loadDocuments(this.order.documents);
    const disabled = new Set(this.order.settings.disabledItemTypes);
    const used = this.documents.flatMap(({ hash, document, refused }) =>
      document && refused === '' ? [{ hash, document }] : [],
    );
    const matcher = new Matcher(used, disabled, this.kept, ({ name }, detail) =>
      this.problems.add(name, detail),
    );
    const types = matcher.types();
    const kinds = SCAN_ORDER.filter((type) => type !== 'FileItem' && types.has(type));
    const share = types.has('FileItem') ? ITEMS_PERCENT : 100;
    for (const [at, type] of kinds.entries()) {
      this.reach((share * at) / kinds.length);
      if (!(await this.lookAt(type, matcher))) return;
    }
    this.reach(kinds.length > 0 ? share : 0);
    if (types.has('FileItem')) await this.lookAtFiles(matcher, kinds.length > 0 ? share : 0);
    if (!pace.isCancelled) this.reach(100);
  }

  private async lookAt(type: ItemType, matcher: Matcher): Promise<boolean> {
    const { collectors, pace } = this.parts;
    const collector = (await collectors()).find((one) => one.type === type);
    const outcome = (items: number, unavailable: string): void => {
      const terms = collector && 'terms' in collector ? collector.terms : new Set<string>();
      this.outcomes.push(outcomeOf(type, items, unavailable, matcher, terms));
    };
    const before = this.state.kinds.find((kind) => kind.type === type);
    if (before) {
      outcome(before.items, before.unavailable);
      return true;
    }
    this.activity = `looking at ${type}`;
    this.items = 0;
    let unavailable = '';
    let goOn = true;
    if (!collector || 'unavailable' in collector) {
      unavailable = `not available here: ${collector?.unavailable ?? 'this platform has no such items'}`;
    } else {
      goOn = await collectItems({
        matcher,
        view: matcher.of(type),
        collector,
        report: (match) => this.reportItem(match),
        problem: (subject, detail) => this.problems.add(subject, detail),
        turn: () => pace.turn(),
        turnMs: TURN_MS,
        silenceMs: SILENCE_MS,
        counted: () => (this.items += 1),
      });
    }
    outcome(this.items, unavailable);
    if (!goOn) return false;
    this.state.kinds.push({ type, items: this.items, unavailable });
    this.items = 0;
    this.keys = [];
    return true;
  }

  private async reportItem(match: ScanMatch): Promise<void> {
    if ((await this.detections.report(match)) === 'omitted') this.state.omitted += 1;
  }

  private async lookAtFiles(matcher: Matcher, from: number): Promise<void> {
    this.filesFrom = from;
    const { parts, state, order } = this;
    if (!state.files.finished) {
      const asked = matcher.terms('FileItem');
      const readers = parts.readers([...asked].filter((term) => stageOf(term) === PROGRAM));
      const files = new FileScan({
        matcher,
        view: matcher.of('FileItem'),
        scope: this.scope(),
        after: state.files.position,
        readers,
        facts: parts.facts,
        platform: parts.platform,
        maxBytes: limitsOf(order.settings).maxBytes,
        report: (match) => this.detections.report(match),
        problem: (subject, detail) => this.problems.add(subject, detail),
        turn: () => parts.pace.turn(),
        turnMs: TURN_MS,
      });
      this.files = files;
      try {
        this.state.files.finished = await files.run();
      } finally {
        await readers.close();
      }
    }
    const terms = fileTerms(parts.facts, parts.platform);
    this.outcomes.push(outcomeOf('FileItem', this.filesScanned(), '', matcher, terms));
  }

  private scope() {
    const { settings, ownPaths } = this.order;
    const { platform, env, drives, mounts } = this.parts;
    return scopeOf({
      platform,
      folders: foldersOf(settings, { platform, env, drives }),
      wanted: new Set(settings.folders),
      excludedPaths: [...settings.excludedPaths, ...ownPaths].flatMap(asWalked),
      networkFileSystems: settings.networkFileSystems,
      mounts: mounts(),
      problem: (subject, detail) => this.problems.add(subject, detail),
    });
  }

  private reach(percent: number): void {
    this.percent = Math.max(this.percent, Math.min(100, percent));
  }

  /** A scan that does not get on says nothing: the agent ends it in the end, naming what it was at. */
  private tellProgressIfAlive(): void {
    const alive = this.parts.alive();
    const stuck = alive === this.lastAlive && (this.files?.reading ?? 0) > 0 && !this.parts.pace.isPaused;
    this.lastAlive = alive;
    if (!stuck) this.tellProgress();
  }

  private tellProgress(): void {
    const { files, filesFrom } = this;
    if (files) this.reach(filesFrom + (100 - filesFrom) * files.done);
    const activity = files ? `files in ${files.folder || 'the first folder'}` : this.activity;
    this.parts.tell({
      kind: 'progress',
      percent: this.percent,
      progress: {
        filesScanned: BigInt(this.filesScanned()),
        itemsScanned: BigInt(this.itemsScanned()),
        bytesHashed: BigInt(this.bytesHashed()),
        detections: this.detections.total,
        activity: activity.slice(0, LONGEST_ACTIVITY),
      },
      checkpoint: this.checkpoint(),
    });
  }

  private checkpoint(): Checkpoint {
    const { files } = this;
    const state: ScanState = {
      ...this.state,
      files: {
        position: files?.position ?? this.state.files.position,
        finished: this.state.files.finished,
        files: this.filesScanned(),
        bytes: this.bytesHashed(),
        vanished: this.state.files.vanished + (files?.counts.vanished ?? 0),
      },
      omitted: this.omitted(),
      detections: this.detections.state(),
      recent: [...this.keys],
      kept: this.kept.state(),
      problems: [...this.problems.told],
      problemsOmitted: this.problems.omitted,
      workedMs: this.workedMs(),
      percent: this.percent,
    };
    return { state, at: this.parts.wallMs() };
  }

  private result(): IocScanResult {
    const files = this.filesScanned();
    return {
      itemsScanned: BigInt(this.itemsScanned() + files),
      detections: this.detections.total,
      filesScanned: BigInt(files),
      bytesHashed: BigInt(this.bytesHashed()),
      detectionsOmitted: this.omitted(),
      collectors: this.outcomes,
      documents: this.documents
        .slice(0, MOST_DOCUMENTS)
        .map((loaded) => documentOutcome(loaded, this.detections)),
      problems: [...this.problems.told],
      problemsOmitted: BigInt(this.problems.omitted),
      restarts: this.state.restarts,
      worked: toDuration(this.workedMs()),
    };
  }

  private filesScanned(): number {
    return this.state.files.files + (this.files?.counts.files ?? 0);
  }

  private itemsScanned(): number {
    return this.state.kinds.reduce((sum, { items }) => sum + items, this.items);
  }

  private bytesHashed(): number {
    return this.state.files.bytes + (this.files?.counts.bytes ?? 0);
  }

  private omitted(): number {
    return this.state.omitted + (this.files?.counts.omitted ?? 0);
  }

  private workedMs(): number {
    return this.state.workedMs + this.parts.pace.workedMs();
  }
}
