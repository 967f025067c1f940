import { z } from 'zod';
import { ITEM_TYPES } from '../../../shared/ioc/model.js';
import type { KeptState } from '../match/kept-sets.js';
import type { Checkpoint } from '../scan-messages.js';

/** Changes whenever the meaning of a state does: one of another version is not understood, and the scan begins anew. */
const VERSION = 1;

const count = z.number().int().nonnegative();
const nameText = z.union([z.string(), z.object({ base64: z.string() })]);

const stateSchema = z.object({
  version: z.literal(VERSION),
  /** Kinds that are done, but for files. */
  kinds: z.array(
    z.object({
      type: z.enum(ITEM_TYPES),
      items: count,
      unavailable: z.string(),
    }),
  ),
  /** Everything up to `position` is done; without it nothing. */
  files: z.object({
    position: z.object({ root: z.string(), names: z.array(nameText).readonly() }).optional(),
    finished: z.boolean(),
    files: count,
    bytes: count,
    vanished: count,
  }),
  omitted: count,
  /** Reported matches by hash of the document. */
  detections: z.record(z.string(), count),
  /** Keys of reported matches of the kind that is being looked at: the scan may come to them again. */
  recent: z.array(z.string()),
  kept: z.custom<KeptState>((value) => typeof value === 'object' && value !== null),
  problems: z.array(z.object({ subject: z.string(), detail: z.string() })),
  problemsOmitted: count,
  /** How often the scan went on after its process had ended. */
  restarts: count,
  workedMs: z.number().nonnegative(),
  percent: z.number().min(0).max(100),
});

/** Where a scan is. Plain data. */
export type ScanState = z.infer<typeof stateSchema>;

export function freshState(): ScanState {
  return {
    version: VERSION,
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
export function stateOf(checkpoint: Checkpoint | undefined): ScanState {
  const read = stateSchema.safeParse(checkpoint?.state);
  return read.success ? { ...read.data, restarts: read.data.restarts + 1 } : freshState();
}
