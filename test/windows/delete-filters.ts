import { openEngine } from '../../agent/enforce/wfp/engine.js';
import { guid } from '../../agent/enforce/wfp/guids.js';

/** Runs under Node for Windows, as a stranger: deletes the filters whose keys it is given. */
const engine = await openEngine({ name: 'stranger' });
const deleted = await engine.deleteFilters(process.argv.slice(2).map(guid));
await engine.close();
console.log(deleted);
