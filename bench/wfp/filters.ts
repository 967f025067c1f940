import { filtersOf } from '../../agent/enforce/wfp/filters.js';
import { SIDS } from '../../agent/windows/sid.js';
import type { Filter } from '../../agent/enforce/wfp/types.js';
import { benchPlan, mixedExclusions } from '../exclusions/many.js';

const APP_ID = Buffer.from('\\device\\harddiskvolume3\\program files\\cordon\\cordon-agent.exe\0', 'utf16le');

/** Filters of an isolation with this many exclusions of every form; the same at each call and in each process. */
export function benchFilters(exclusions: number): readonly Filter[] {
  const agent = { appId: APP_ID, sid: SIDS.localSystem };
  return filtersOf(benchPlan(mixedExclusions(exclusions)), { agent, appIds: new Map() }).filters;
}
