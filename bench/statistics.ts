/** Summary of repeated measurements, in the unit of the measurements. */
export interface Summary {
  readonly median: number;
  readonly p99: number;
  readonly least: number;
  readonly most: number;
}

/** @param values at least one */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { median: at(0.5), p99: at(0.99), least: at(0), most: at(1) };
}

/** Milliseconds of the system's monotonic clock, which all processes share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** `12.3 ms (least 11.0, p99 15.2)` */
export function inMs({ median, least, p99 }: Summary): string {
  return `${median.toFixed(1)} ms (least ${least.toFixed(1)}, p99 ${p99.toFixed(1)})`;
}
