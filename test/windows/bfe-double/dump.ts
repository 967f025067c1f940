import type { Field, Guid, Layer } from '../../../agent/enforce/wfp/guids.js';
import type { Filter, FoundFilter, Match, Value, Weight } from '../../../agent/enforce/wfp/types.js';

/** A value as the double dumps it: 64-bit numbers are decimal text, bytes are hex. */
export type DumpedValue =
  | { readonly type: 'empty' }
  | {
      readonly type: 'uint8' | 'uint16' | 'uint32' | 'int8' | 'int16' | 'int32' | 'float' | 'double';
      readonly value: number;
    }
  | {
      readonly type:
        | 'uint64'
        | 'int64'
        | 'byte-array16'
        | 'byte-array6'
        | 'byte-blob'
        | 'sid'
        | 'security-descriptor'
        | 'unicode-string';
      readonly value: string;
    }
  | { readonly type: 'v4-mask'; readonly address: number; readonly mask: number }
  | { readonly type: 'v6-prefix'; readonly address: string; readonly prefix: number }
  | { readonly type: 'range'; readonly low: DumpedValue; readonly high: DumpedValue };

export interface DumpedObject {
  readonly key: Guid;
  /** Order of adding, decimal; of a filter its run-time id. */
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly lifetime: 'static' | 'persistent' | 'boot-time' | 'dynamic' | 'built-in';
  /** FWPM_*_FLAG_*, as received. */
  readonly flags: number;
  /** Of a dynamic one: `id` of the session that owns it. */
  readonly session: string | null;
  /** Self-relative security descriptor, hex. */
  readonly sd: string | null;
  /** providerData, hex. */
  readonly data: string;
}

export interface DumpedProvider extends DumpedObject {
  readonly serviceName: string | null;
}

export interface DumpedSublayer extends DumpedObject {
  readonly provider: Guid | null;
  readonly weight: number;
}

export interface DumpedCondition {
  readonly field: Guid;
  readonly fieldName: Field | null;
  readonly match: Match;
  readonly value: DumpedValue;
}

export interface DumpedFilter extends DumpedObject {
  readonly provider: Guid | null;
  readonly layer: Guid;
  readonly layerName: Layer | null;
  readonly sublayer: Guid;
  /** As received. */
  readonly weight: DumpedValue;
  /** Decimal. */
  readonly effectiveWeight: string;
  readonly action: 'permit' | 'block';
  readonly actionType: number;
  readonly rawContext: string;
  /** In the order in which they were received. */
  readonly conditions: readonly DumpedCondition[];
  /** Whether traffic meets it in the present phase. */
  readonly inForce: boolean;
}

export interface DumpedSession {
  readonly id: string;
  readonly processId: number;
  readonly key: Guid;
  readonly name: string;
  readonly username: string;
  readonly dynamic: boolean;
  readonly lockWaitMs: number;
  readonly transaction: 'none' | 'read' | 'write';
  readonly holdsLock: boolean;
}

/** Everything that the double holds. */
export interface BfeDump {
  /** Of what is committed; grows with every commit that changed something. */
  readonly version: number;
  /** `running`; `stopped`: by hand; `booting`: BFE has not started yet. */
  readonly phase: 'running' | 'stopped' | 'booting';
  /** Calls journalled so far. */
  readonly journal: number;
  readonly counters: {
    /** Blocks handed out and not freed. */
    readonly allocations: number;
    readonly enumHandles: number;
    readonly subscriptions: number;
    /** Open engines. */
    readonly sessions: number;
  };
  readonly sessions: readonly DumpedSession[];
  readonly faults: readonly {
    readonly kind: 'fail' | 'fail-after' | 'delay';
    readonly function: string;
    /** Which call from now, from 1. */
    readonly call: number;
    readonly value: number;
    readonly times: number;
  }[];
  /** Misuse that Windows would not forgive: a double free, a foreign pointer, a deadlock. At most 16 are kept. */
  readonly errors: readonly string[];
  readonly errorCount: number;
  readonly providers: readonly DumpedProvider[];
  readonly sublayers: readonly DumpedSublayer[];
  readonly filters: readonly DumpedFilter[];
}

/** One call, in the order in which they took effect. */
export interface JournalEntry {
  readonly sequence: number;
  readonly pid: number;
  readonly thread: number;
  readonly function: string;
  /** `0`: none. */
  readonly session: string;
  readonly arguments: string;
  readonly result: number;
  /** What the session has open after the call. */
  readonly transaction: 'none' | 'read' | 'write';
  /** Whether this call committed something. */
  readonly committed: boolean;
  /** What is committed after the call. */
  readonly version: number;
}

const CLEAR_ACTION_RIGHT = 8;

/** A dumped value in the words of the binding. */
export function asValue(value: DumpedValue): Value {
  switch (value.type) {
    case 'uint64':
    case 'int64':
      return { type: value.type, value: BigInt(value.value) };
    case 'byte-array16':
    case 'byte-array6':
    case 'byte-blob':
    case 'sid':
    case 'security-descriptor':
      return { type: value.type, value: Buffer.from(value.value, 'hex') };
    case 'unicode-string':
      return { type: value.type, value: value.value };
    case 'v6-prefix':
      return { type: value.type, address: Buffer.from(value.address, 'hex'), prefix: value.prefix };
    case 'range':
      return { type: value.type, low: asValue(value.low), high: asValue(value.high) };
    default:
      return value;
  }
}

function asWeight(weight: DumpedValue): Weight {
  if (weight.type === 'uint8') return { kind: 'class', value: weight.value };
  if (weight.type === 'uint64') return { kind: 'exact', value: BigInt(weight.value) };
  return { kind: 'auto' };
}

/**
 * A dumped filter as the binding describes one, to be compared with what was meant.
 * @throws Error where it uses a layer or a field that the binding does not know
 */
export function asFilter(dumped: DumpedFilter): Filter {
  const { layerName, lifetime } = dumped;
  if (layerName === null) throw new Error(`filter ${dumped.key} is at a layer without a name`);
  return {
    key: dumped.key,
    name: dumped.name,
    description: dumped.description ?? '',
    provider: dumped.provider ?? undefined,
    sublayer: dumped.sublayer,
    layer: layerName,
    lifetime: lifetime === 'persistent' || lifetime === 'boot-time' ? lifetime : 'static',
    weight: asWeight(dumped.weight),
    conditions: dumped.conditions.map(({ fieldName, match, value }) => {
      if (fieldName === null)
        throw new Error(`filter ${dumped.key} has a condition on a field without a name`);
      return { field: fieldName, match, value: asValue(value) };
    }),
    action: dumped.action,
    hard: (dumped.flags & CLEAR_ACTION_RIGHT) !== 0,
    data: Buffer.from(dumped.data, 'hex'),
  };
}

/** The same as what the engine would hand out for it. */
export function asFoundFilter(dumped: DumpedFilter): FoundFilter {
  return {
    filter: asFilter(dumped),
    key: dumped.key,
    layer: dumped.layer,
    sublayer: dumped.sublayer,
    provider: dumped.provider ?? undefined,
    name: dumped.name,
    flags: dumped.flags,
    action: dumped.actionType,
    id: BigInt(dumped.id),
    effectiveWeight: BigInt(dumped.effectiveWeight),
  };
}
