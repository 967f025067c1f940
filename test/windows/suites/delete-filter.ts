import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { guid } from '../../../agent/enforce/wfp/guids.js';

/** Another program: deletes the filter with the key that is its argument. */
const engine = await openEngine({ name: 'somebody else' });
const deleted = await engine.deleteFilters([guid(process.argv[2] ?? '')]);
await engine.close();
process.exit(deleted === 1 ? 0 : 1);
