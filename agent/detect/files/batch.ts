import type { Evaluation } from '../match/evaluation.js';
import type { WalkEntry, WalkPosition } from './walker.js';

/** A file that some document is still open for. */
export interface Candidate {
  readonly entry: WalkEntry;
  readonly evaluation: Evaluation;
}

/** What a part of a walk came to. */
export interface FileCounts {
  /** Files and folders looked at. */
  files: number;
  bytes: number;
  /** Went away before they could be looked at. */
  vanished: number;
  /** Matches beyond the limits. */
  omitted: number;
}

export function noCounts(): FileCounts {
  return { files: 0, bytes: 0, vanished: 0, omitted: 0 };
}

/** Entries that lie together in a walk. What they came to counts as a whole, once everything before them is done too. */
export class Batch {
  readonly candidates: Candidate[] = [];
  readonly counts = noCounts();
  readonly problems: { readonly subject: string; readonly detail: string }[] = [];
  finished = false;
  /** Its last entry. */
  position: WalkPosition | undefined;
  /** Part of the walk up to there, 0 to 1. */
  done = 0;
}
