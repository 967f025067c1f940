import { tellTerminals } from '../../../../agent/notify/terminals.js';
import type { Message } from '../../../../agent/notify/message.js';

/** Runs where a test has made its own list of who is logged in, and prints how it ended. */
console.log(JSON.stringify(await tellTerminals(JSON.parse(process.argv[2] ?? '') as Message)));
