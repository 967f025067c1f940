import type { ItemType } from '../../shared/ioc/model.js';

/**
 * One value of a property. Text, addresses and hashes are strings (hashes lower-case hex); dates are milliseconds since 1970
 * UTC; durations are seconds; numbers above 2^53 lose their last digits, which no term asks for.
 */
export type Value = string | number | boolean;

/** One thing on this device. A property may have several values, as the imported modules of a program. */
export interface Item {
  readonly type: ItemType;
  /** By term, for example `ProcessItem/name`. A property that this item does not have is not in it. */
  readonly values: ReadonlyMap<string, readonly Value[]>;
}

/** What a collector needs to know. */
export interface CollectRequest {
  /** Terms that documents ask for: what costs much is found out only if one of them needs it. */
  readonly terms: ReadonlySet<string>;
  /** Something could not be looked at; the collection goes on. */
  readonly problem: (subject: string, detail: string) => void;
  /** Aborted when the scan ends early. */
  readonly signal: AbortSignal;
  /**
   * Paths, keys or names that the documents ask for literally, whole or in part, by term: a registry collector reads those
   * keys beside its fixed set. May be empty.
   */
  readonly literals: ReadonlyMap<string, readonly string[]>;
}

/** Lists the items of one kind on one platform. Files have a collector of their own (files/). */
export interface Collector {
  readonly type: ItemType;
  /** Terms that it can tell on this platform. */
  readonly terms: ReadonlySet<string>;
  collect(request: CollectRequest): AsyncIterable<Item> | Iterable<Item>;
}

/** A kind of items that this platform does not have: never a silent "no". */
export interface Unavailable {
  readonly type: ItemType;
  /** Why, for example `Linux has no registry`. */
  readonly unavailable: string;
}
