import { listSockets } from '../../../agent/enforce/iphlp/connections.js';

// Prints every socket that Windows lists, for a test on the Linux side.
console.log(JSON.stringify(await listSockets()));
