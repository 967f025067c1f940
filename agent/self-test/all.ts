import type { Check } from './check.js';
import { connectionChecks } from './linux/connections.js';
import { packetFilterChecks } from './linux/packet-filter.js';
import { placeChecks } from './linux/places.js';
import { windowsConnectionChecks } from './windows/connections.js';
import { detectChecks } from './windows/detect.js';
import { engineChecks } from './windows/engine.js';
import { hostChecks } from './windows/host.js';
import { objectChecks } from './windows/objects.js';
import { trafficChecks } from './windows/traffic.js';

/** Every check of every platform, in the order in which they run: what others rest on comes first. */
export const ALL_CHECKS: readonly Check[] = [
  ...packetFilterChecks,
  ...connectionChecks,
  ...placeChecks,
  ...hostChecks,
  ...engineChecks,
  ...objectChecks,
  ...trafficChecks,
  ...windowsConnectionChecks,
  ...detectChecks,
];

/** What some words of a command line ask for. */
export type Selection =
  | { readonly kind: 'checks'; readonly checks: readonly Check[] }
  | { readonly kind: 'unknown'; readonly name: string }
  /** It exists, on another platform. */
  | { readonly kind: 'elsewhere'; readonly check: Check };

/** @param names none: every check of the platform */
export function selectChecks(names: readonly string[], platform: NodeJS.Platform): Selection {
  const here = ALL_CHECKS.filter((check) => check.platform === platform);
  if (names.length === 0) return { kind: 'checks', checks: here };
  for (const name of names) {
    if (here.some((check) => check.name === name)) continue;
    const check = ALL_CHECKS.find((other) => other.name === name);
    return check ? { kind: 'elsewhere', check } : { kind: 'unknown', name };
  }
  return { kind: 'checks', checks: here.filter(({ name }) => names.includes(name)) };
}
