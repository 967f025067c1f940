import { readFileSync } from 'node:fs';
import { startScan } from '../../agent/detect/process/scan-process.js';
import type { ScanDocument } from '../../agent/detect/scan-messages.js';
import { systemClock } from '../../shared/clock.js';
import { IocScanSettings, ScanArea } from '../../shared/gen/cordon/v1/ioc.js';
import { nowMs } from '../statistics.js';

/** What one scan came to. */
export interface Measured {
  readonly ms: number;
  /** Longest delay of a timer in this process, which does what an agent does for its scan. */
  readonly lateMs: number;
  /** Memory of the scan process every 100 ms, MiB. */
  readonly memory: readonly number[];
}

const BEAT_MS = 10;
const SAMPLE_MS = 100;

/** Runs a scan as an agent does, from starting its process to its result. @param files that are expected to match */
export async function measureScan(
  documents: readonly ScanDocument[],
  folder: string,
  expected: readonly string[],
): Promise<Measured> {
  const found: (string | undefined)[] = [];
  const beats = heartbeat();
  const startedAt = nowMs();
  const scan = startScan(
    {
      scanId: 'bench',
      documents,
      settings: IocScanSettings.fromPartial({
        area: ScanArea.SCAN_AREA_FOLDERS,
        folders: [folder],
        cpuPercent: 100,
      }),
      ownPaths: [],
      checkpoint: undefined,
    },
    { match: ({ file }) => Promise.resolve(void found.push(file)), progress: () => undefined },
    systemClock,
  );
  const memory: number[] = [];
  const sampler = setInterval(() => memory.push(...residentMib(scan.pid)), SAMPLE_MS);
  const end = await scan.ended;
  const ms = nowMs() - startedAt;
  clearInterval(sampler);
  const lateMs = beats.stop();
  if (end.kind === 'failed') throw new Error(end.detail);
  const refused = end.result.documents.find((document) => document.refused !== '');
  if (refused) throw new Error(`a document was refused: ${refused.refused}`);
  if (found.sort().join() !== [...expected].sort().join()) {
    throw new Error(`the scan found ${found.join(', ') || 'nothing'}`);
  }
  return { ms, lateMs, memory };
}

function heartbeat(): { stop(): number } {
  let last = nowMs();
  let most = 0;
  const look = (): void => {
    const now = nowMs();
    most = Math.max(most, now - last - BEAT_MS);
    last = now;
  };
  const timer = setInterval(look, BEAT_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return most;
    },
  };
}

/** None once the process has ended. */
function residentMib(pid: number | undefined): number[] {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? [] : [Number(kib) / 1024];
  } catch {
    return [];
  }
}
