import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';

export interface ApplyManyRequest {
  readonly rounds: number;
  readonly exclusions: Exclusion[];
}

/** What the process at one end of a flow is asked to do. */
export type FlowRequest =
  /** Takes connections on a port and throws away what comes. */
  | { readonly kind: 'listen'; readonly port: number }
  /** Sends as much as goes through, for so long, on a new connection. */
  | { readonly kind: 'send'; readonly address: string; readonly port: number; readonly ms: number };

/** Bytes a second that were taken from the sender; 0 for `listen`. */
export interface FlowAnswer {
  readonly bytesPerSecond: number;
}
