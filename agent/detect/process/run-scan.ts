import { availableParallelism } from 'node:os';
import { ContentThreads } from '../files/content-readers.js';
import { Gate } from '../files/gate.js';
import { readMounts } from '../files/mounts.js';
import { platformFacts } from '../files/platform-facts.js';
import { stateOf } from '../scan/checkpoint.js';
import { Pace } from '../scan/pace.js';
import { limitsOf } from '../scan/settings.js';
import type { ScanControl, ScanEvent, ScanMatch, ScanOrder } from '../scan-messages.js';
import { Scanner } from '../scanner.js';
import { ACKNOWLEDGE_MS } from './messages.js';

/** Threads that read files, however many processors there are: disks do not get faster by more. */
const MOST_THREADS = 8;

/** A scan on this computer, and what it is told from outside. */
export interface LocalScan {
  control(message: ScanControl): void;
  /** Resolves when `done` or `failed` is told. */
  readonly ended: Promise<void>;
}

/**
 * Runs a scan with what this computer has.
 * @param tell gets everything that the scan has to say
 * @param abandoned nobody acknowledged a match: the agent is gone
 */
export function runScan(
  order: ScanOrder,
  tell: (event: ScanEvent) => void,
  abandoned: () => void,
): LocalScan {
  const { cpuPercent, bytesPerSecond, maxBytes } = limitsOf(order.settings);
  const memory = Gate.memory();
  const gate = new Gate(memory, bytesPerSecond);
  const processors = availableParallelism();
  const pace = new Pace({
    gate,
    cpuPercent,
    processors,
    usedMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    nowMs: () => performance.now(),
  });
  const width = Math.max(1, Math.min(MOST_THREADS, Math.ceil((processors * cpuPercent) / 100)));
  let acknowledged: (() => void) | undefined;
  const tellMatch = (match: ScanMatch): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(abandoned, ACKNOWLEDGE_MS);
      acknowledged = () => {
        clearTimeout(timer);
        acknowledged = undefined;
        resolve();
      };
      tell({ kind: 'match', match });
    });
  const scan = async (): Promise<void> => {
    const { facts, drives } = await platformFacts(process.platform);
    const scanner = new Scanner(order, await stateOf(order.checkpoint), {
      platform: process.platform,
      env: process.env,
      collectors: async () => (await import('../collect/choose.js')).collectorsFor(process.platform),
      facts,
      drives,
      mounts: () => readMounts(process.platform),
      readers: (programTerms) =>
        new ContentThreads(width, { memory, bytesPerSecond, maxBytes, programTerms }, gate),
      pace,
      alive: () => gate.alive(),
      tellMatch,
      tell,
      wallMs: () => Date.now(),
    });
    await scanner.run();
  };
  return {
    ended: scan().catch((error: unknown) =>
      tell({ kind: 'failed', detail: error instanceof Error ? error.message : String(error) }),
    ),
    control: (message) => {
      switch (message.kind) {
        case 'acknowledge':
          return acknowledged?.();
        case 'pause':
          return pace.pause();
        case 'resume':
          return pace.resume();
        case 'cancel':
          return pace.cancel();
        case 'start':
          return undefined;
      }
    },
  };
}
