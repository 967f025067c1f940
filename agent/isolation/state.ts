import type { Endpoint, UnsupportedRule } from '../enforce/plan.js';
import type {
  IsolationEndCause,
  IsolationEvidence,
  IsolationMode,
  IsolationSettings,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { Deadline, Moment } from './deadline.js';

/** What has to stay reachable, resolved before the packet filter locks. */
export interface Pins {
  /** Addresses of the server. */
  readonly servers: readonly Endpoint[];
  /** Addresses of the host names in exclusions. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
}

/** An isolation that somebody asked for, ready to be enforced. */
export interface Order {
  readonly id: string;
  readonly mode: IsolationMode.ISOLATION_MODE_MANUAL | IsolationMode.ISOLATION_MODE_AUTOMATIC;
  readonly reason: string;
  readonly requestedBy: string;
  readonly settings: IsolationSettings;
  /** Time from enforcement to release, milliseconds; 0: never. */
  readonly releaseDelayMs: number;
  readonly pins: Pins;
}

/** Whether the server has confirmed an isolation (commit-confirm). */
export type Confirmation =
  /** Runs from the moment of enforcement; undefined: not enforced yet. */
  | { readonly kind: 'waiting'; readonly until: Deadline | undefined }
  | { readonly kind: 'confirmed' }
  /** The time ran out, and the settings say keep. */
  | { readonly kind: 'kept' };

/** An isolation on this device and its clocks. */
export interface Isolation extends Order {
  /** When it was first read back from the packet filter; undefined: not yet. */
  readonly enforcedAt: Moment | undefined;
  /** From the receipt of the latest order to its rules being read back, milliseconds; undefined: not enforced yet. */
  readonly latencyMs: number | undefined;
  /** When it ends by itself; undefined: never, or not enforced yet. */
  readonly release: Deadline | undefined;
  readonly confirmation: Confirmation;
  /** When it ends because the server stays lost; undefined: the server is there, or the settings say keep. */
  readonly serverLoss: Deadline | undefined;
}

/** What was found when the isolation was last enforced. */
export interface Proof {
  readonly planId: string;
  readonly unsupported: readonly UnsupportedRule[];
  readonly evidence: IsolationEvidence;
}

/** The last isolation, once it has ended. */
export interface Ended {
  readonly id: string;
  readonly cause: IsolationEndCause;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
  /** Who ended it at the device, for example `local:root`. Absent: nobody did it there. */
  readonly by?: string;
}

/** DESIGN section 7. Kept on disk: every change is written before it is reported. */
export type State =
  | { readonly kind: 'RELEASED'; readonly last: Ended | undefined }
  /** Decided and on disk; the packet filter is being changed. */
  | { readonly kind: 'ENFORCING'; readonly isolation: Isolation }
  | { readonly kind: 'ISOLATED'; readonly isolation: Isolation; readonly proof: Proof }
  /** Wanted, and not or not wholly in force; `reason` says what is missing. */
  | {
      readonly kind: 'DEGRADED';
      readonly isolation: Isolation;
      readonly proof: Proof | undefined;
      readonly reason: string;
    }
  /** Release is decided and on disk; our rules are being removed. `problem`: why they could not be; empty: nothing is wrong. */
  | { readonly kind: 'RELEASING'; readonly ending: Ended | undefined; readonly problem: string };

/** States in which an isolation is wanted. */
export type Active = Extract<State, { isolation: Isolation }>;

export function isActive(state: State): state is Active {
  return 'isolation' in state;
}
