import { folded } from './clean.js';
import type { Message } from './message.js';
import { runBriefly, type Ending } from './run-briefly.js';

/** Narrower than a line of `wall`, which folds at 79 anywhere. */
const WIDTH = 76;

/** Writes a message on every terminal where somebody is logged in (`wall`, util-linux). */
export function tellTerminals({ title, lines }: Message): Promise<Ending> {
  const text = [`Cordon: ${title}`, '', ...folded(lines, WIDTH)].join('\n');
  // A terminal that does not take it is given up in time; its own limit is five minutes.
  return runBriefly('wall', ['--timeout', '3'], { input: `${text}\n` });
}
