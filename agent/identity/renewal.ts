import type { X509Certificate } from 'node:crypto';

/** Share of the lifetime by which renewals of a fleet are spread. */
const JITTER = 0.1;

/**
 * When to renew: at half of the lifetime, 10 % of it sooner or later. Wall clock, milliseconds.
 * @param random a number from 0 up to 1
 */
export function renewalDueMs(certificate: X509Certificate, random: number): number {
  const start = Date.parse(certificate.validFrom);
  const lifetime = Date.parse(certificate.validTo) - start;
  return start + lifetime * (0.5 + JITTER * (2 * random - 1));
}

export function isExpired(certificate: X509Certificate, nowMs: number): boolean {
  return Date.parse(certificate.validTo) <= nowMs;
}
