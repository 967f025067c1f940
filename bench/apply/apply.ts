import { fileURLToPath } from 'node:url';
import { againstNft } from '../against-nft.js';
import type { Figure } from '../report.js';
import type { ApplyRequest } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./process.js', import.meta.url));

/** Directive received to filters in the kernel and read back, against a bare `nft -f` of the same rules. */
export function measureApply(request: ApplyRequest): Promise<Figure> {
  const many = request.exclusions || 'default';
  const name = `Directive received to filters in the kernel and read back, ${many} exclusions, ${request.rounds} rounds`;
  return againstNft(name, PROGRAM, request);
}
