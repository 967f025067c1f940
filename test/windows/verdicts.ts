import { arbitrate, foundCandidates, type Phase } from '../../agent/enforce/wfp/arbitration.js';
import type { FoundFilter, Sublayer } from '../../agent/enforce/wfp/types.js';
import { judge } from '../../agent/enforce/model.js';
import type { Plan } from '../../agent/enforce/plan.js';
import { packetOn } from '../vectors/scene.js';
import { flowOf, type FlowVector } from '../vectors/vector.js';
import { asFoundFilter, type BfeDump } from './bfe-double/dump.js';

/** What WFP would decide about flows under filters that an engine holds: `permit`, `block` or `unknowable`. */
export function verdictsOf(
  found: readonly FoundFilter[],
  sublayers: readonly Pick<Sublayer, 'key' | 'weight'>[],
  flows: readonly FlowVector[],
  phase: Phase,
): string[] {
  const all = foundCandidates(found);
  return flows.map((flow) => arbitrate(all, sublayers, flowOf(flow), phase).kind);
}

/** The same for what the double has received, everybody's filters included. */
export function verdictsIn(dump: BfeDump, flows: readonly FlowVector[], phase: Phase): string[] {
  return verdictsOf(dump.filters.map(asFoundFilter), dump.sublayers, flows, phase);
}

/** A flow that is open in some version though no plan that may be in force then allows it. */
export interface Leak {
  readonly version: number;
  readonly phase: Phase;
  /** The packet that opens it, as text. */
  readonly flow: string;
}

/** Plans one of which has to be in force; undefined: the device is not isolated. */
export type Allowed = readonly (Plan | undefined)[];

/** Looks in both phases for flows that are open and that none of `plans` allows: at any time the computer may restart. */
export function leaksIn(dump: BfeDump, flows: readonly FlowVector[], plans: Allowed): Leak[] {
  const closed = blockedBy(plans, flows);
  return (['run', 'boot'] as const).flatMap((phase) =>
    verdictsIn(dump, closed, phase).flatMap((verdict, at): Leak[] =>
      verdict === 'block' ? [] : [{ version: dump.version, phase, flow: JSON.stringify(closed[at]?.probe) }],
    ),
  );
}

/** Flows that none of the plans allows. */
export function blockedBy(plans: Allowed, flows: readonly FlowVector[]): FlowVector[] {
  return flows.filter(({ probe }) =>
    plans.every((plan) => judge(plan, packetOn('windows', probe)).kind === 'block'),
  );
}
