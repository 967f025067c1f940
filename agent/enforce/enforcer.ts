import type { Observable } from 'rxjs';
import type { EnforcerKind } from '../../shared/gen/cordon/v1/isolation.js';
import type { Connection } from '../../shared/gen/cordon/v1/network.js';
import type { Plan, UnsupportedRule } from './plan.js';

/** What a packet filter holds of ours, as read back from it. */
export type Inspection =
  | { readonly kind: 'absent' }
  /**
   * Equals what was applied. `holdsForMs` is the time until the packet filter stops blocking by itself, milliseconds;
   * undefined: never.
   */
  | {
      readonly kind: 'intact';
      readonly planId: string;
      readonly rulesHash: Buffer;
      readonly holdsForMs: number | undefined;
    }
  /** Something of ours is there, but not what was applied; `detail` says what differs, in one sentence. */
  | { readonly kind: 'altered'; readonly detail: string };

/** What an `apply` left in the packet filter. Persist it to let a later process recognise its own rules. */
export interface Fingerprint {
  readonly planId: string;
  /** SHA-256 over the rules as read back, without deadline and counters. */
  readonly rulesHash: Buffer;
}

export interface Applied extends Fingerprint {
  /** Rules of the plan that this platform cannot express; their traffic stays blocked. */
  readonly unsupported: readonly UnsupportedRule[];
}

export interface Terminated {
  /** Connections that were ended. */
  readonly ended: number;
  /** Connections that the plan does not allow and that are still there. */
  readonly remaining: readonly Connection[];
  /** Why they are still there, where the platform says it; a sentence without its full stop. */
  readonly why?: string;
}

/** Our rules may have been changed by somebody else: inspect them. */
export interface Disturbance {
  readonly detail: string;
}

/**
 * The edge to one packet filter. Calls are made one at a time by one owner (`agent/isolation`).
 * Every method rejects with EnforceError when the packet filter cannot be used; it then holds what it held before, but for
 * an UnprovenError.
 */
export interface Enforcer {
  readonly kind: EnforcerKind;
  /** Whether the packet filter itself lets go when the time of a plan is up. WFP knows no such time: the agent keeps it. */
  readonly keepsDeadline: boolean;
  /** Replaces all that is ours by `plan` in one atomic step and reads it back. Idempotent. */
  apply(plan: Plan): Promise<Applied>;
  /** Removes all that is ours. Idempotent. */
  clear(): Promise<void>;
  /**
   * Reads back what is ours and compares it with what the last `apply` wrote.
   * @param expected what an earlier process persisted; absent: what this process applied last. With neither, rules that
   *   are there cannot be vouched for and count as altered: apply again.
   */
  inspect(expected?: Fingerprint): Promise<Inspection>;
  /** Emits whenever our rules may have been changed by somebody else. Unsubscribing ends the watcher process or handle. */
  watch(): Observable<Disturbance>;
  /** Ends TCP connections that `plan` does not allow, on both ends, and lists again to see what is left. */
  terminate(plan: Plan): Promise<Terminated>;
  /** TCP and UDP sockets of this computer, loopback left out. */
  connections(): Promise<Connection[]>;
  /** Rejects with EnforceError naming what is missing and how to get it, if this enforcer cannot work here. */
  probe(): Promise<void>;
  /**
   * Rules of others that this packet filter may ask before ours, and that let packets pass whatever ours say; a sentence
   * each. Absent: nobody can overrule a block here (nftables: a drop is final).
   */
  overrulers?(): Promise<readonly string[]>;
  /** Gives back handles of the operating system; what is enforced stays. The next call takes them again. Absent: holds none. */
  close?(): Promise<void>;
}

/** The packet filter refused or cannot be used. The message says what to do next. */
export class EnforceError extends Error {
  override readonly name = 'EnforceError';
}

/** The packet filter took the rules, and they could not be read back as they were written: they may be in force. */
export class UnprovenError extends EnforceError {}
