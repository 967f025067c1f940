import { createHash } from 'node:crypto';
import { parseAddressRange, type AddressRange } from '../../shared/exclusions/address.js';
import {
  ExclusionDirection,
  type ApplicationMatch,
  type Exclusion,
} from '../../shared/gen/cordon/v1/exclusion.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';

/** First and last port, both included. */
export interface Ports {
  readonly first: number;
  readonly last: number;
}

/** One exclusion in platform-neutral form: validated, addresses parsed, host names resolved. */
export interface Rule {
  /** Name of the exclusion it comes from. */
  readonly name: string;
  readonly inbound: boolean;
  readonly outbound: boolean;
  /** IANA protocol number; undefined: any. */
  readonly protocol: number | undefined;
  readonly localPorts: readonly Ports[];
  readonly remotePorts: readonly Ports[];
  readonly localAddresses: readonly AddressRange[];
  readonly remoteAddresses: readonly AddressRange[];
  readonly application: RuleApplication | undefined;
}

export type RuleApplication =
  | { readonly kind: 'executable-path'; readonly path: string }
  | { readonly kind: 'windows-service'; readonly name: string }
  | { readonly kind: 'systemd-unit'; readonly name: string }
  | { readonly kind: 'cgroup'; readonly path: string };

/** A server address that the agent itself must reach. */
export interface Endpoint {
  /** IPv4 or IPv6 address in text form. */
  readonly address: string;
  /** TCP port. */
  readonly port: number;
}

/** Everything that a packet filter needs to isolate this computer. Plain data; equal plans have equal ids. */
export interface Plan {
  /** SHA-256 over isolation, server endpoints and rules, hex. Two plans with one id allow the same packets. */
  readonly planId: string;
  /** Isolation that the plan belongs to. */
  readonly isolationId: string;
  /** Own channel: addresses of the management server, resolved and pinned before locking. At least one. */
  readonly serverEndpoints: readonly Endpoint[];
  /** What exclusions allow. */
  readonly rules: readonly Rule[];
  /** Exclusions that became no rule because their host name has no address now; their traffic stays blocked. */
  readonly unresolved: readonly UnsupportedRule[];
  /** Time left until the packet filter itself should stop blocking, milliseconds; undefined: never. */
  readonly expiresInMs: number | undefined;
}

/** A rule that a platform cannot express. */
export interface UnsupportedRule {
  readonly name: string;
  readonly detail: string;
}

export interface PlanInput {
  /** Isolation that the plan belongs to. */
  readonly isolationId: string;
  /** Settings of the active mode; validated (shared/exclusions/validate.ts). */
  readonly settings: IsolationSettings;
  /** Resolved addresses of the management server; at least one. */
  readonly serverEndpoints: readonly Endpoint[];
  /** Addresses of each `remote_host`, by the name as it stands in the exclusion. Missing or empty: did not resolve. */
  readonly resolvedHosts: ReadonlyMap<string, readonly string[]>;
  /** Time left, milliseconds; undefined: never. */
  readonly expiresInMs: number | undefined;
}

/**
 * Settings as platform-neutral rules. Pure: the same input gives the same plan.
 * @throws AddressError for an address that validation should have refused
 */
export function compilePlan(input: PlanInput): Plan {
  const rules: Rule[] = [];
  const unresolved: UnsupportedRule[] = [];
  for (const exclusion of input.settings.exclusions) {
    if (exclusion.disabled) continue;
    const remote = remoteTexts(exclusion, input.resolvedHosts);
    if (remote === undefined) {
      unresolved.push({
        name: exclusion.name,
        detail: `host name "${exclusion.remoteHost}" has no address at present`,
      });
    } else {
      rules.push(toRule(exclusion, remote));
    }
  }
  const { isolationId, serverEndpoints, expiresInMs } = input;
  const planId = planIdOf(isolationId, serverEndpoints, rules);
  return { planId, isolationId, serverEndpoints, rules, unresolved, expiresInMs };
}

function remoteTexts(
  exclusion: Exclusion,
  resolvedHosts: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  if (exclusion.remoteHost === '') return exclusion.remoteAddresses;
  const addresses = resolvedHosts.get(exclusion.remoteHost) ?? [];
  // No addresses would mean "any": a name that does not resolve must not widen the rule.
  return addresses.length === 0 ? undefined : [...addresses].sort();
}

function toRule(exclusion: Exclusion, remote: readonly string[]): Rule {
  const { direction } = exclusion;
  return {
    name: exclusion.name,
    inbound: direction !== ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND,
    outbound: direction !== ExclusionDirection.EXCLUSION_DIRECTION_INBOUND,
    protocol: exclusion.protocol,
    localPorts: exclusion.localPorts.map(({ first, last }) => ({ first, last })),
    remotePorts: exclusion.remotePorts.map(({ first, last }) => ({ first, last })),
    localAddresses: exclusion.localAddresses.map(parseAddressRange),
    remoteAddresses: remote.map(parseAddressRange),
    application: exclusion.application && toApplication(exclusion.application),
  };
}

function toApplication({ target }: ApplicationMatch): RuleApplication {
  switch (target?.$case) {
    case 'executablePath':
      return { kind: 'executable-path', path: target.value };
    case 'windowsService':
      return { kind: 'windows-service', name: target.value };
    case 'systemdUnit':
      return { kind: 'systemd-unit', name: target.value };
    case 'cgroup':
      return { kind: 'cgroup', path: target.value };
    case undefined:
      // A program that is named in a way this version does not know: a kind that no platform expresses keeps it blocked.
      return { kind: 'executable-path', path: '' };
  }
}

/** Every object is written with its keys in one order, so JSON is canonical. */
function planIdOf(isolationId: string, endpoints: readonly Endpoint[], rules: readonly Rule[]): string {
  const content = {
    isolationId,
    serverEndpoints: endpoints.map(({ address, port }) => [address, port]),
    rules: rules.map((rule) => [
      rule.name,
      rule.inbound,
      rule.outbound,
      rule.protocol ?? null,
      rule.localPorts.map(({ first, last }) => [first, last]),
      rule.remotePorts.map(({ first, last }) => [first, last]),
      rule.localAddresses.map(({ text }) => text),
      rule.remoteAddresses.map(({ text }) => text),
      rule.application === undefined ? null : Object.values(rule.application),
    ]),
  };
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
