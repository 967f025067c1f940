import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeDurably, writeDurablyInBackground } from '../../shared/durable-file.js';
import { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import { FindingsLog } from './findings-log.js';
import type { Checkpoint } from './scan-messages.js';

/** Name of the folder below the data folder that has one for each scan. */
export const SCANS_FOLDER = 'scans';

const schema = z.object({
  format: z.literal(1),
  restarts: z.number().int(),
  refused: z.array(z.object({ hash: z.string(), reason: z.string() })),
  percent: z.number(),
  progress: z.string(),
  checkpoint: z.object({ state: z.unknown(), at: z.number() }).optional(),
});

/** How a scan stands. */
export interface ScanState {
  /** How often it went on after the agent had ended in the middle of it. */
  readonly restarts: number;
  /** Documents that were not to be had when it began: it goes on without them. */
  readonly refused: readonly { readonly hash: string; readonly reason: string }[];
  /** 0 to 100. */
  readonly percent: number;
  readonly progress: ScanProgress;
  readonly checkpoint: Checkpoint | undefined;
}

/** What is kept of one scan until its command is over. */
export class ScanFolder {
  private readonly path: string;
  private opened: FindingsLog | undefined;

  /** @param commandId UUID */
  constructor(dataDir: string, commandId: string) {
    this.path = join(dataDir, SCANS_FOLDER, commandId);
  }

  get findings(): FindingsLog {
    return (this.opened ??= new FindingsLog(join(this.path, 'findings.log')));
  }

  /** Undefined: it has not begun, or what is there is damaged and it has to begin anew. */
  load(): ScanState | undefined {
    const text = readIfThere(this.statePath);
    try {
      const parsed = text === undefined ? undefined : schema.safeParse(JSON.parse(text)).data;
      if (!parsed) return undefined;
      const { restarts, refused, percent, progress, checkpoint } = parsed;
      return {
        restarts,
        refused,
        percent,
        progress: ScanProgress.decode(Buffer.from(progress, 'base64')),
        checkpoint: checkpoint && { state: checkpoint.state, at: checkpoint.at },
      };
    } catch {
      return undefined;
    }
  }

  /** Is on disk when this returns. */
  save(state: ScanState): void {
    writeDurably(this.statePath, toText(state), 0o600);
  }

  /** Is on disk when this resolves. One at a time. */
  saveInBackground(state: ScanState): Promise<void> {
    return writeDurablyInBackground(this.statePath, toText(state), 0o600);
  }

  remove(): void {
    this.opened = undefined;
    rmSync(this.path, { recursive: true, force: true });
  }

  private get statePath(): string {
    return join(this.path, 'state.json');
  }
}

function toText({ progress, ...rest }: ScanState): string {
  const encoded = Buffer.from(ScanProgress.encode(progress).finish()).toString('base64');
  return `${JSON.stringify({ format: 1, ...rest, progress: encoded })}\n`;
}
