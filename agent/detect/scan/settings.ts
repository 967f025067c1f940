import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { IocScanSettings } from '../../../shared/gen/cordon/v1/ioc.js';

const MIB = 1024 * 1024;
const DEFAULT_MAX_BYTES = 200 * MIB;
const DEFAULT_CPU_PERCENT = 50;

/** What a scan may take, with the defaults of the contract put in. */
export interface ScanLimits {
  /** Larger files get no hash, bytes. */
  readonly maxBytes: number;
  /** 0: no limit. */
  readonly bytesPerSecond: number;
  /** 1 to 100, of all processors. */
  readonly cpuPercent: number;
}

export function limitsOf({ maxFileBytes, maxBytesPerSecond, cpuPercent }: IocScanSettings): ScanLimits {
  return {
    maxBytes: maxFileBytes === 0n ? DEFAULT_MAX_BYTES : Number(maxFileBytes),
    bytesPerSecond: Number(maxBytesPerSecond),
    cpuPercent: cpuPercent === 0 ? DEFAULT_CPU_PERCENT : Math.min(100, cpuPercent),
  };
}

/** A path as the walk comes to it too: folders above it may be links, which are followed at the roots of the walk. */
export function asWalked(path: string): string[] {
  if (/[*?]/.test(path)) return [path];
  try {
    return [path, join(realpathSync.native(dirname(path)), basename(path))];
  } catch {
    return [path];
  }
}
