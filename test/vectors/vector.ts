import type { Plan } from '../../agent/enforce/plan.js';
import type { Classification } from '../../agent/enforce/wfp/arbitration.js';
import { FIELDS, LAYERS, type Field, type Layer } from '../../agent/enforce/wfp/guids.js';
import type { FieldValue } from '../../agent/enforce/wfp/match.js';
import { appIdOf, OWNERS, type Owner, type Probe } from './scene.js';

/** A flow that one plan lets open, or not. All of it is JSON. */
export interface FlowVector {
  /** The packet that opens it. */
  readonly probe: Probe;
  readonly layer: Layer;
  readonly fields: readonly (readonly [Field, JsonValue])[];
  /** What the model of the rules says; WFP's arbitration has to agree. */
  readonly verdict: 'permit' | 'block';
}

/** A plan and flows under it. All of it is JSON. */
export interface Vector {
  readonly plan: Plan;
  readonly flows: readonly FlowVector[];
}

/** A value of a field, bytes as hex. */
export type JsonValue = { readonly type: FieldValue['type'] } & Readonly<Record<string, unknown>>;

/** @throws TypeError where it is no vector of ours */
export function flowOf({ layer, fields }: FlowVector): Classification {
  if (!(layer in LAYERS)) throw new TypeError(`there is no layer ${layer}`);
  const read = fields.map(([field, value]): [Field, FieldValue] => {
    if (!(field in FIELDS)) throw new TypeError(`there is no field ${field}`);
    return [field, fromJson(value)];
  });
  return { layer, fields: new Map(read) };
}

export function processOf({ owner }: Probe): { appId: Buffer; token: readonly Buffer[] } {
  const { executable, token }: Owner = OWNERS[owner];
  return { appId: appIdOf(executable), token };
}

export function toJson(value: FieldValue): JsonValue {
  switch (value.type) {
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return { type: value.type, value: value.value };
    case 'byte-array16':
    case 'byte-blob':
      return { type: value.type, value: value.value.toString('hex') };
    case 'token':
      return { type: value.type, sids: value.sids.map((sid) => sid.toString('hex')) };
    default:
      throw new TypeError(`no field of a flow is a ${value.type}`);
  }
}

function fromJson({ type, value, sids }: JsonValue): FieldValue {
  switch (type) {
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return { type, value: Number(value) };
    case 'byte-array16':
    case 'byte-blob':
      return { type, value: Buffer.from(String(value), 'hex') };
    case 'token':
      return { type, sids: (sids as readonly string[]).map((sid) => Buffer.from(sid, 'hex')) };
    default:
      throw new TypeError(`no field of a flow is a ${type}`);
  }
}
