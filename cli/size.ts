import { InvalidArgumentError } from 'commander';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes as people read them: `512 B`, `1.5 MiB`, `200 MiB`. */
export function formatBytes(bytes: number | bigint): string {
  let size = Number(bytes);
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  // Three digits tell enough; what is whole is shown as whole.
  const digits = size >= 100 || Number.isInteger(size) ? 0 : 1;
  return `${size.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/**
 * Bytes as people write them: `200MB`, `1.5 GiB`, `65536`. K, M, G and T are powers of 1024, with and without the `i`.
 * Undefined: the text is no size.
 */
export function parseBytes(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
  if (amount === undefined) return undefined;
  const bytes = Math.round(Number(amount) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' '));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size within limits, bytes. `limits` is the sentence that a person reads. */
export function parseBytesWithin(min: number, max: number, limits: string): (text: string) => number {
  return (text) => {
    const bytes = parseBytes(text);
    if (bytes === undefined) throw new InvalidArgumentError('Write a size such as 65536, 20MB or 1.5GB.');
    if (bytes < min || bytes > max) throw new InvalidArgumentError(limits);
    return bytes;
  };
}
