import type {
  IocScanSettings,
  MatchedItem,
  MatchedNode,
  ScanProgress,
} from '../../shared/gen/cordon/v1/ioc.js';
import type { IocScanResult } from '../../shared/gen/cordon/v1/command.js';

/**
 * What the agent and its scan process say to each other. The scan process is a program of its own, so that neither a heavy
 * scan nor a hostile document can hold up the agent; it gets everything that it needs and takes part in nothing else.
 */

/** A document that the scan is to use. */
export interface ScanDocument {
  /** SHA-256, hex. */
  readonly hash: string;
  /** File with its content. */
  readonly path: string;
}

/** What to scan. Plain data: it crosses a process boundary. */
export interface ScanOrder {
  /** Command that it belongs to. */
  readonly scanId: string;
  readonly documents: readonly ScanDocument[];
  readonly settings: IocScanSettings;
  /** Paths of the agent itself, left out. */
  readonly ownPaths: readonly string[];
  /** Where an earlier process of this scan had come to; undefined: from the beginning. */
  readonly checkpoint: Checkpoint | undefined;
}

/** Enough to go on after the end of the process. Plain data. */
export interface Checkpoint {
  /** Opaque to the agent. */
  readonly state: unknown;
  /** Detections reported so far are not reported again, whatever `state` says. */
  readonly at: number;
}

/** A document matched. */
export interface ScanMatch {
  /** The same for the same document and items, whenever they match: the event's id is made from it and the scan's. */
  readonly key: string;
  /** SHA-256 of the document, hex. */
  readonly documentHash: string;
  readonly documentId: string;
  readonly documentName: string;
  readonly items: readonly MatchedItem[];
  readonly nodes: readonly MatchedNode[];
  readonly nodesOmitted: number;
  /** Path of the file that matched, to quarantine; undefined: no file did. */
  readonly file: string | undefined;
  /** Processes that matched, to kill. `startTime` in milliseconds since 1970 keeps a reused id from being taken for it. */
  readonly process: { readonly pid: number; readonly startTime: number } | undefined;
}

/** From the scan process to the agent. */
export type ScanEvent =
  /** Must be acknowledged once it is safe on disk: the next one comes after that. */
  | { readonly kind: 'match'; readonly match: ScanMatch }
  /** At least every second while it works. `checkpoint` covers only what has been reported and acknowledged. */
  | {
      readonly kind: 'progress';
      /** 0 to 100, never less than before. */
      readonly percent: number;
      readonly progress: ScanProgress;
      readonly checkpoint: Checkpoint;
    }
  | { readonly kind: 'done'; readonly result: IocScanResult }
  /** The scan could not be made at all. */
  | { readonly kind: 'failed'; readonly detail: string };

/** From the agent to the scan process. */
export type ScanControl =
  | { readonly kind: 'start'; readonly order: ScanOrder }
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** Ends soon with `done` and what was found by then. */
  | { readonly kind: 'cancel' };
