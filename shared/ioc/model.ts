/** An indicator document as the matcher sees it: OpenIOC and STIX become the same tree (DESIGN 3.11). */

/** Kinds of items that a device can look at. Names are OpenIOC's document names. */
export const ITEM_TYPES = [
  'FileItem',
  'ProcessItem',
  'PortItem',
  'Network',
  'DnsEntryItem',
  'ArpEntryItem',
  'RegistryItem',
  'ServiceItem',
  'UserItem',
  'VolumeItem',
  'SystemInfoItem',
  'EventLogItem',
] as const;
export type ItemType = (typeof ITEM_TYPES)[number];

export type DocumentFormat = 'openioc-1.0' | 'openioc-1.1' | 'stix-2.1';

export interface IocDocument {
  /** Id that the document gives itself. */
  readonly id: string;
  /** Title, at most 256 characters. */
  readonly name: string;
  /** At most 4000 characters. */
  readonly description: string;
  readonly format: DocumentFormat;
  readonly root: IocGroup;
  /** Terms that count as no match, in reading order: unknown ones, and those that cannot mean anything. */
  readonly problems: readonly TermProblem[];
}

export interface TermProblem {
  /** Id of the indicator item; empty: it has none. */
  readonly indicatorId: string;
  /** For example `FileItem/StringList/string`. */
  readonly term: string;
  /** One sentence. */
  readonly detail: string;
}

export type IocNode = IocGroup | IocTerm;

export interface IocGroup {
  readonly kind: 'group';
  readonly id: string;
  readonly operator: 'AND' | 'OR';
  readonly children: readonly IocNode[];
}

export interface IocTerm {
  readonly kind: 'term';
  readonly id: string;
  /** For example `FileItem/Md5sum`, spelled as in the catalogue of terms. */
  readonly term: string;
  /** Undefined: not a kind that any device can look at. `test` is `never` then. */
  readonly itemType: ItemType | undefined;
  readonly condition: Condition;
  /** Holds for an item where the condition does not. A term of an item without the property holds neither way. */
  readonly negate: boolean;
  /** As written in the document, for people. */
  readonly content: string;
  readonly test: Test;
}

export type Condition =
  'is' | 'contains' | 'starts-with' | 'ends-with' | 'matches' | 'greater-than' | 'less-than';

/**
 * What a term asks of a value, typed and ready to be compared. Text is compared after `fold` where case does not count;
 * `text` is folded already then.
 */
export type Test =
  | {
      readonly kind: 'text';
      readonly how: 'is' | 'contains' | 'starts-with' | 'ends-with';
      readonly text: string;
      readonly foldCase: boolean;
    }
  /** A regular expression in RE2's syntax: linear in time whatever it is. */
  | { readonly kind: 'pattern'; readonly source: string; readonly foldCase: boolean }
  /** Digits of MD5, SHA-1 or SHA-256, lower case. */
  | { readonly kind: 'hash'; readonly hex: string }
  /** Numbers, both ends included; -Infinity and Infinity are open ends. Also seconds of durations. */
  | { readonly kind: 'number'; readonly ranges: readonly NumberRange[] }
  /** Milliseconds since 1970 UTC, both ends included. */
  | { readonly kind: 'date'; readonly ranges: readonly NumberRange[] }
  /** Addresses from first to last, both included, of one IP version. */
  | { readonly kind: 'address'; readonly ranges: readonly AddressBounds[] }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** Counts as no match; the document's problems say why. */
  | { readonly kind: 'never' };

export interface NumberRange {
  readonly from: number;
  readonly to: number;
  /** Ends that do not belong to the range. */
  readonly exclusive?: 'from' | 'to';
}

export interface AddressBounds {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** Lower case, as all comparisons without regard to case use it. */
export function fold(text: string): string {
  return text.toLowerCase();
}
