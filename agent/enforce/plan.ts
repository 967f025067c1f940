import type { AddressRange } from '../../shared/exclusions/address.js';

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
  /** SHA-256 over the rest of the plan without the deadline, hex. */
  readonly planId: string;
  /** Isolation that the plan belongs to. */
  readonly isolationId: string;
  /** Own channel: addresses of the management server, resolved and pinned before locking. At least one. */
  readonly serverEndpoints: readonly Endpoint[];
  /** What exclusions allow. */
  readonly rules: readonly Rule[];
  /** Time left until the packet filter itself should stop blocking, milliseconds; undefined: never. */
  readonly expiresInMs: number | undefined;
}

/** A rule that a platform cannot express. */
export interface UnsupportedRule {
  readonly name: string;
  readonly detail: string;
}
