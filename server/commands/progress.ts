import { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import { bounded } from '../desired/bounded.js';

const LONGEST_ACTIVITY = 1024;

/** What is kept of a device's progress, encoded. */
export function boundedProgress(progress: ScanProgress): Uint8Array {
  const activity = bounded(progress.activity, LONGEST_ACTIVITY);
  return ScanProgress.encode({ ...progress, activity }).finish();
}
