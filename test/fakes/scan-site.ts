import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ContentReaders } from '../../agent/detect/files/content-readers.js';
import { linuxFacts } from '../../agent/detect/files/linux-facts.js';
import { Gate } from '../../agent/detect/files/gate.js';
import { readContent, type Content, type ContentJob } from '../../agent/detect/files/read-content.js';
import type { Collector, Unavailable } from '../../agent/detect/item.js';
import { Pace } from '../../agent/detect/scan/pace.js';
import { limitsOf } from '../../agent/detect/scan/settings.js';
import type { Checkpoint, ScanEvent, ScanMatch, ScanOrder } from '../../agent/detect/scan-messages.js';
import { Scanner } from '../../agent/detect/scanner.js';
import type { IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import { IocScanSettings, ScanArea } from '../../shared/gen/cordon/v1/ioc.js';

/** A condition on one term: `FileItem/FileName is evil`. */
export interface Asked {
  readonly term: string;
  readonly condition?: string;
  readonly content: string;
}

/** A scan in this process whose every step a test can see. */
export interface TestScan {
  readonly matches: ScanMatch[];
  readonly events: ScanEvent[];
  /** Files that were read, with what for. */
  readonly jobs: ContentJob[];
  readonly pace: Pace;
  /** Checkpoints in the order in which they were told, as they come out of a file. */
  readonly checkpoints: Checkpoint[];
  readonly done: Promise<IocScanResult>;
}

export interface TestScanOptions {
  readonly settings?: Partial<IocScanSettings>;
  readonly collectors?: readonly (Collector | Unavailable)[];
  readonly checkpoint?: Checkpoint;
  /** Called with each match before it is acknowledged; what it throws ends the scan as a crash does. */
  readonly onMatch?: (match: ScanMatch) => Promise<void>;
  /** Called before each file is read. */
  readonly onRead?: (job: ContentJob) => Promise<void> | void;
  readonly ownPaths?: readonly string[];
}

/** A folder with files and documents, removed by `close`. */
export class ScanSite {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-scan-')));
  readonly tree = join(this.folder, 'tree');
  private readonly documents: { hash: string; path: string }[] = [];

  constructor() {
    mkdirSync(this.tree);
  }

  /** @returns its path */
  file(path: string, content: string | Buffer = path): string {
    const whole = join(this.tree, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, content);
    return whole;
  }

  /** Adds a document whose terms hold together or alone. */
  document(id: string, operator: 'AND' | 'OR', asked: readonly Asked[]): void {
    const items = asked.map(
      ({ term, condition = 'is', content }, at) =>
        `<IndicatorItem id="i${at}" condition="${condition}"><Context document="${term.split('/', 1)[0]}" search="${term}" type="mir"/>` +
        `<Content type="string">${content}</Content></IndicatorItem>`,
    );
    this.rawDocument(
      `<?xml version="1.0"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="${id}">` +
        `<short_description>${id}</short_description><definition><Indicator operator="${operator}" id="r">${items.join('')}` +
        `</Indicator></definition></ioc>`,
    );
  }

  rawDocument(content: string): void {
    const hash = sha256(content);
    const path = join(this.folder, `${this.documents.length}.ioc`);
    writeFileSync(path, content);
    this.documents.push({ hash, path });
  }

  order(settings: Partial<IocScanSettings> = {}, checkpoint?: Checkpoint): ScanOrder {
    return {
      scanId: 'scan',
      documents: this.documents,
      settings: IocScanSettings.fromPartial({
        area: ScanArea.SCAN_AREA_FOLDERS,
        folders: [this.tree],
        cpuPercent: 100,
        ...settings,
      }),
      ownPaths: [],
      checkpoint,
    };
  }

  scan(options: TestScanOptions = {}): TestScan {
    const order = { ...this.order(options.settings, options.checkpoint), ownPaths: options.ownPaths ?? [] };
    const { maxBytes, cpuPercent } = limitsOf(order.settings);
    const gate = new Gate(Gate.memory(), 0);
    const pace = new Pace({
      gate,
      cpuPercent,
      processors: 1,
      usedMs: () => 0,
      nowMs: () => performance.now(),
    });
    const events: ScanEvent[] = [];
    const matches: ScanMatch[] = [];
    const jobs: ContentJob[] = [];
    const checkpoints: Checkpoint[] = [];
    const readers = (programTerms: readonly string[]): ContentReaders => ({
      width: 2,
      read: async (batch) => {
        const contents: Content[] = [];
        for (const job of batch) {
          while (pace.isPaused && !pace.isCancelled) await new Promise((resolve) => setTimeout(resolve, 5));
          if (pace.isCancelled) {
            contents.push({ kind: 'stopped' as const });
            continue;
          }
          jobs.push(job);
          await options.onRead?.(job);
          const limits = {
            maxBytes,
            programTerms: new Set(programTerms),
            // The gate would hold this thread, which is the only one.
            pass: () => !pace.isCancelled,
          };
          contents.push(readContent(job, limits, Buffer.alloc(4096)));
        }
        return contents;
      },
      close: () => Promise.resolve(),
    });
    const scanner = new Scanner(order, {
      platform: 'linux',
      env: {},
      collectors: options.collectors ?? [],
      facts: linuxFacts(),
      mounts: () => [],
      drives: () => [],
      readers,
      pace,
      alive: () => Math.random(),
      tellMatch: async (match) => {
        await options.onMatch?.(match);
        matches.push(match);
      },
      tell: (event) => {
        events.push(event);
        if (event.kind === 'progress') {
          checkpoints.push(JSON.parse(JSON.stringify(event.checkpoint)) as Checkpoint);
        }
      },
      wallMs: () => 0,
    });
    const done = scanner.run().then(() => {
      const last = events.at(-1);
      if (last?.kind !== 'done') throw new Error('the scan told no end');
      return last.result;
    });
    return { matches, events, jobs, pace, checkpoints, done };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function md5(content: string | Buffer): string {
  return createHash('md5').update(content).digest('hex');
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Items of one kind that a test makes up. */
export function collectorOf(
  type: Collector['type'],
  terms: readonly string[],
  items: Iterable<Parameters<typeof itemFrom>[1]>,
): Collector {
  return {
    type,
    terms: new Set(terms.map((name) => `${type}/${name}`)),
    *collect() {
      for (const values of items) yield itemFrom(type, values);
    },
  };
}

function itemFrom(type: Collector['type'], values: Readonly<Record<string, string | number>>) {
  return {
    type,
    values: new Map(Object.entries(values).map(([name, value]) => [`${type}/${name}`, [value]])),
  };
}
