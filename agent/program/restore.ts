import { systemClock } from '../../shared/clock.js';
import { chooseEnforcer } from '../enforce/choose.js';
import { readBootId } from '../boot-id.js';
import { planOf } from '../isolation/enforcement.js';
import { next } from '../isolation/machine.js';
import { isActive } from '../isolation/state.js';
import { fileStore } from '../isolation/store.js';
import { readSettings, type Flags } from './options.js';

/**
 * One shot at boot, before the network is up: puts the isolation that is on disk back into the packet filter. It only
 * closes: it releases nothing, writes nothing, and does nothing where a deadline has passed. The agent applies again from
 * its own control group when it starts, and sees to deadlines. On Windows the filters are persistent.
 */
export async function restore(flags: Flags): Promise<void> {
  const settings = readSettings(flags);
  if (process.platform === 'win32') {
    console.log('nothing to restore: Windows keeps the filters itself, from before its network starts');
    return;
  }
  const now = {
    bootId: await readBootId(),
    sinceBootMs: systemClock.sinceBoot(),
    wallMs: systemClock.wall(),
  };
  const { state } = next(fileStore(settings.data_dir).load().state, { kind: 'started' }, now);
  if (!isActive(state)) {
    console.log('nothing to restore: no isolation is in force');
    return;
  }
  await chooseEnforcer(settings.enforcer).apply(planOf(state.isolation, [], now));
  console.log(`isolation ${state.isolation.id} is in the packet filter again`);
}
