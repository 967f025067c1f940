import type { Field, Guid, Layer } from './guids.js';

/**
 * WFP's objects as plain data: everything that `encode.ts` writes and `decode.ts` reads. Addresses of IPv4 are numbers in
 * host order (10.0.0.0 is 0x0a000000), those of IPv6 are 16 bytes in network order, ports are numbers.
 */

/** FWP_VALUE0 and FWP_CONDITION_VALUE0. Each is checked against its range before it is written. */
export type Value =
  | { readonly type: 'empty' }
  | {
      readonly type: 'uint8' | 'uint16' | 'uint32' | 'int8' | 'int16' | 'int32' | 'float' | 'double';
      readonly value: number;
    }
  | { readonly type: 'uint64' | 'int64'; readonly value: bigint }
  /** 16 or 6 bytes. */
  | { readonly type: 'byte-array16' | 'byte-array6'; readonly value: Buffer }
  /** An AppId, for example: the NT path in UTF-16 with its zero, lower case. */
  | { readonly type: 'byte-blob'; readonly value: Buffer }
  /** Binary form of a SID. */
  | { readonly type: 'sid'; readonly value: Buffer }
  /** A self-relative security descriptor. */
  | { readonly type: 'security-descriptor'; readonly value: Buffer }
  | { readonly type: 'unicode-string'; readonly value: string }
  | { readonly type: 'v4-mask'; readonly address: number; readonly mask: number }
  /** `prefix` in bits, 0 to 128. */
  | { readonly type: 'v6-prefix'; readonly address: Buffer; readonly prefix: number }
  /** Both ends included, of one type. */
  | { readonly type: 'range'; readonly low: Value; readonly high: Value };

/** FWP_MATCH_TYPE. */
export type Match =
  | 'equal'
  | 'greater'
  | 'less'
  | 'greater-or-equal'
  | 'less-or-equal'
  | 'range'
  | 'flags-all-set'
  | 'flags-any-set'
  | 'flags-none-set'
  | 'equal-case-insensitive'
  | 'not-equal'
  | 'prefix'
  | 'not-prefix';

/** All conditions of a filter must hold; consecutive ones of one field are alternatives. */
export interface Condition {
  readonly field: Field;
  readonly match: Match;
  readonly value: Value;
}

/** Two flags in WFP; one word here, so that the pair that WFP refuses cannot be written. */
export type Lifetime =
  /** Until it is deleted, BFE stops or the computer shuts down. In a dynamic session: until that ends. */
  | 'static'
  /** Until it is deleted; in force from the moment that BFE has started. */
  | 'persistent'
  /** Until it is deleted; in force from the start of the network stack until BFE has started. Filters only. */
  | 'boot-time';

export type Weight =
  /** FWP_EMPTY: BFE picks one from the conditions. */
  | { readonly kind: 'auto' }
  /** FWP_UINT8, 0 to 15: a higher class is asked first; within it BFE picks. */
  | { readonly kind: 'class'; readonly value: number }
  /** FWP_UINT64. */
  | { readonly kind: 'exact'; readonly value: bigint };

/** What is shown of an object by the tools of the operating system. `name` must not be empty. */
export interface Display {
  readonly name: string;
  readonly description: string;
}

export interface Provider extends Display {
  readonly key: Guid;
  readonly lifetime: Exclude<Lifetime, 'boot-time'>;
  readonly data: Buffer;
  /** Service whose start type decides whether BFE loads the objects; undefined: always. Ours are always loaded. */
  readonly serviceName: string | undefined;
}

export interface Sublayer extends Display {
  readonly key: Guid;
  readonly provider: Guid | undefined;
  readonly lifetime: Exclude<Lifetime, 'boot-time'>;
  readonly data: Buffer;
  /** 0 to 65535: a higher one is asked first. */
  readonly weight: number;
}

export interface Filter extends Display {
  readonly key: Guid;
  readonly provider: Guid | undefined;
  readonly sublayer: Guid;
  readonly layer: Layer;
  readonly lifetime: Lifetime;
  readonly weight: Weight;
  readonly conditions: readonly Condition[];
  readonly action: 'permit' | 'block';
  /** FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT: lower sublayers cannot overrule it. */
  readonly hard: boolean;
  /** Opaque to WFP; at most 64 KiB. */
  readonly data: Buffer;
}

/** A filter as the engine holds it. */
export interface FoundFilter {
  /** As above; undefined where it uses something that `Filter` cannot say (a callout, a field or layer that is not in guids.ts). */
  readonly filter: Filter | undefined;
  readonly key: Guid;
  readonly layer: Guid;
  readonly sublayer: Guid;
  readonly provider: Guid | undefined;
  readonly name: string;
  /** FWPM_FILTER_FLAG_*, as read. */
  readonly flags: number;
  /** FWP_ACTION_*, as read. */
  readonly action: number;
  /** Run-time id. */
  readonly id: bigint;
  /** Undefined where the engine gives none. */
  readonly effectiveWeight: bigint | undefined;
}

/** FWPM_SESSION0: who uses the engine. */
export interface Session {
  readonly key: Guid;
  readonly name: string;
  readonly processId: number;
  readonly username: string;
  readonly dynamic: boolean;
  readonly kernelMode: boolean;
}

/** FWPM_FILTER_CHANGE0. */
export interface FilterChange {
  readonly kind: 'added' | 'deleted';
  readonly key: Guid;
  readonly id: bigint;
}
