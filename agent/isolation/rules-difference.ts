import type { Inspection } from '../enforce/enforcer.js';

/** How the packet filter differs from the plan that should be in force, in one sentence; undefined: it does not. */
export function differenceOf(found: Inspection, planId: string): string | undefined {
  switch (found.kind) {
    case 'absent':
      return 'our rules were removed';
    case 'altered':
      return found.detail;
    case 'intact':
      return found.planId === planId ? undefined : `our rules were replaced by those of plan ${found.planId}`;
  }
}
