import type { z } from 'zod';
import type { Checkpoint } from '../scan-messages.js';
import type { stateSchema } from './checkpoint-schema.js';

/** Where a scan is. Plain data. */
export type ScanState = z.infer<typeof stateSchema>;

export function freshState(): ScanState {
  return {
    version: 1,
    kinds: [],
    files: { finished: false, files: 0, bytes: 0, vanished: 0 },
    omitted: 0,
    detections: {},
    recent: [],
    kept: {},
    problems: [],
    problemsOmitted: 0,
    restarts: 0,
    workedMs: 0,
    percent: 0,
  };
}

/** The state to begin with. One that cannot be understood is as none: the agent drops what it knows already. */
export async function stateOf(checkpoint: Checkpoint | undefined): Promise<ScanState> {
  if (checkpoint === undefined) return freshState();
  // Most scans begin at the beginning, and what checks a state takes longer to load than many a scan lasts.
  const { stateSchema } = await import('./checkpoint-schema.js');
  const read = stateSchema.safeParse(checkpoint.state);
  return read.success ? { ...read.data, restarts: read.data.restarts + 1 } : freshState();
}
