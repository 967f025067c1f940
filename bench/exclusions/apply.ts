import { fileURLToPath } from 'node:url';
import { againstNft } from '../against-nft.js';
import type { Figure } from '../report.js';
import { mixedExclusions } from './many.js';
import type { ApplyManyRequest } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./apply-process.js', import.meta.url));

/** Compile, load and read back a large list of exclusions of every form, against a bare `nft -f` of the same rules. */
export function measureManyExclusions({
  exclusions,
  rounds,
}: {
  readonly exclusions: number;
  readonly rounds: number;
}): Promise<Figure> {
  const request: ApplyManyRequest = { rounds, exclusions: mixedExclusions(exclusions) };
  const name = `Compile, apply and read back ${exclusions} mixed exclusions, ${rounds} rounds`;
  return againstNft(name, PROGRAM, request);
}
