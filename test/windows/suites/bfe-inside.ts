import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemLibrary } from '../../../agent/windows/library.js';
import type { BfeDump } from '../bfe-double/dump.js';

/** The double of BFE from inside of Wine, for suites that run there. */
export interface BfeInside {
  /** Has commands done at once (grammar: test/windows/bfe-double/README.md). @throws Error where one cannot be done */
  control(...commands: readonly string[]): void;
  /** What it holds now. */
  dump(): BfeDump;
}

export async function bfeInside(): Promise<BfeInside> {
  const library = await systemLibrary('fwpuclnt.dll');
  const send = library.func('uint32_t __stdcall CordonBfeControl(const char *commands)');
  const folder = process.env['CORDON_BFE_DIR'] ?? 'C:\\cordon-bfe';
  const control = (...commands: readonly string[]) => {
    const code = Number(send(commands.join('\n')));
    if (code !== 0) throw new Error(`the double of BFE does not do "${commands.join('; ')}": ${code}`);
  };
  return {
    control,
    dump: () => {
      control('dump');
      return JSON.parse(readFileSync(join(folder, 'dump.json'), 'utf8')) as BfeDump;
    },
  };
}
