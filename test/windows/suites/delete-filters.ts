import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { guid } from '../../../agent/enforce/wfp/guids.js';

/** Runs under Node for Windows, as a stranger: deletes the filters whose keys it is given. Exit code 1: not all were there. */
const engine = await openEngine({ name: 'stranger' });
const keys = process.argv.slice(2).map(guid);
const deleted = await engine.deleteFilters(keys);
await engine.close();
console.log(deleted);
process.exitCode = deleted === keys.length ? 0 : 1;
