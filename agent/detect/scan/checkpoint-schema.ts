import { z } from 'zod';
import { ITEM_TYPES } from '../../../shared/ioc/model.js';
import type { KeptState } from '../match/kept-sets.js';

/** Changes whenever the meaning of a state does: one of another version is not understood, and the scan begins anew. */
const VERSION = 1;

const count = z.number().int().nonnegative();
const nameText = z.union([z.string(), z.object({ base64: z.string() })]);

export const stateSchema = z.object({
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
