/** What an nft text says, in the part of its grammar that the agent uses. Anything else is an error: a model must not guess. */

/** Each field of an element from first to last. */
export type Element = readonly { readonly first: bigint; readonly last: bigint }[];

export interface NamedSet {
  readonly types: readonly string[];
  readonly elements: readonly Element[];
}

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'reject' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** A field of a packet by its name in nft: `ip saddr`, `th dport`, `meta l4proto`. */
export type Expression = string;

export type Statement =
  | { readonly kind: 'in-set'; readonly fields: readonly Expression[]; readonly set: string }
  | { readonly kind: 'one-of'; readonly field: Expression; readonly values: readonly bigint[] }
  | {
      readonly kind: 'flags';
      readonly mask: number;
      readonly operator: '==' | '!=';
      readonly wanted: number;
    }
  | { readonly kind: 'cgroup'; readonly level: number; readonly path: string }
  | { readonly kind: 'cgroup-map'; readonly level: number; readonly map: string }
  | { readonly kind: 'interface'; readonly way: 'in' | 'out'; readonly name: string }
  | { readonly kind: 'direction'; readonly direction: 'original' | 'reply' }
  | { readonly kind: 'no-dnat' }
  | { readonly kind: 'to-local-address' }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export type Rule = readonly Statement[];

export interface Chain {
  readonly hook: 'input' | 'output' | undefined;
  readonly rules: readonly Rule[];
}

export interface Ruleset {
  readonly sets: ReadonlyMap<string, NamedSet>;
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, Verdict>>;
  readonly chains: ReadonlyMap<string, Chain>;
}
