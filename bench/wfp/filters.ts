import type { Plan } from '../../agent/enforce/plan.js';
import { filtersOf, type WfpContext } from '../../agent/enforce/wfp/filters.js';
import { SIDS } from '../../agent/windows/sid.js';
import type { Filter } from '../../agent/enforce/wfp/types.js';
import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import { benchPlan, mixedExclusions } from '../exclusions/many.js';

const APP_ID = Buffer.from('\\device\\harddiskvolume3\\program files\\cordon\\cordon-agent.exe\0', 'utf16le');

export const benchContext: WfpContext = {
  agent: { appId: APP_ID, sid: SIDS.localSystem },
  appIds: new Map(),
};

/** @param exclusions number of exclusions of every form; 0: the default profiles. The same at each call and in each process */
export function planOf(exclusions: number): Plan {
  return benchPlan(exclusions === 0 ? defaultExclusions() : mixedExclusions(exclusions));
}

/** Filters of that plan. */
export function benchFilters(exclusions: number): readonly Filter[] {
  return filtersOf(planOf(exclusions), benchContext).filters;
}
