import { firstList } from './first-list.js';

// Prints every socket that Windows lists, for a test on the Linux side.
console.log(JSON.stringify(await firstList()));
