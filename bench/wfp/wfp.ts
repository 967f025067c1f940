import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import { must } from '../../test/net/site/run.js';
import { buildDouble, mingw } from '../../test/windows/bfe-double/build.js';
import { Wine, wine } from '../../test/windows/wine.js';
import type { Figure } from '../report.js';
import { summarize, type Summary } from '../statistics.js';
import { benchFilters } from './filters.js';
import { recordsOf } from './records.js';

export interface WfpRequest {
  readonly exclusions: number;
  /** Measured ones; as many of each side warm up before. */
  readonly rounds: number;
}

/** Every call of the double succeeds at once. */
const NULL_ENGINE = { env: { CORDON_BFE_NULL: '1' }, timeoutMs: 120_000 };

/**
 * A list of exclusions encoded and handed to the filter engine in one transaction, against the same calls made from C. The
 * engine is a double that does nothing, so that what is left is the cost of the binding. Undefined, with a line that says
 * so: there is no Wine.
 */
export async function measureWfp({ exclusions, rounds }: WfpRequest): Promise<Figure[] | undefined> {
  const missing = [wine, mingw].find(({ met }) => !met);
  if (missing) {
    console.log(`SKIPPED: the binding of WFP: ${missing.why}\n`);
    return undefined;
  }
  const filters = benchFilters(exclusions);
  const windows = Wine.make();
  try {
    windows.installLibrary(buildDouble().library);
    const all = `${rounds * 2}`;
    const answer = join(windows.folder, 'times.json');
    const program = windows.compiled('bench/wfp/process.js');
    const ours = await windows.runNode(
      program,
      [`${exclusions}`, all, windows.windowsPath(answer)],
      NULL_ENGINE,
    );
    if (ours.code !== 0) throw new Error(`the measuring process failed: ${ours.stdout}${ours.stderr}`);
    const records = join(windows.folder, 'records');
    writeFileSync(records, recordsOf(filters));
    const peer = await windows.run(
      windows.windowsPath(compilePeer(windows.folder)),
      [windows.windowsPath(records), all],
      NULL_ENGINE,
    );
    if (peer.code !== 0) throw new Error(`the program in C failed: ${peer.stdout}${peer.stderr}`);
    const measured = (times: readonly number[]): Summary => summarize(times.slice(rounds));
    return figures(
      measured(JSON.parse(readFileSync(answer, 'utf8')) as number[]),
      measured(peer.stdout.trim().split('\n').map(Number)),
      { exclusions, rounds, filters: filters.length },
    );
  } finally {
    windows.close();
  }
}

function compilePeer(folder: string): string {
  const program = join(folder, 'peer.exe');
  const source = join(packageRoot, 'bench', 'wfp', 'peer.c');
  must('x86_64-w64-mingw32-gcc', ['-O2', '-municode', '-o', program, source, '-lfwpuclnt']);
  return program;
}

/** C needs a few hundredths of a millisecond. */
function finely({ median, least, p99 }: Summary): string {
  return `${median.toFixed(3)} ms (least ${least.toFixed(3)}, p99 ${p99.toFixed(3)})`;
}

function figures(ours: Summary, peer: Summary, run: WfpRequest & { readonly filters: number }): Figure[] {
  const { exclusions, filters, rounds } = run;
  const each = (summary: Summary): string =>
    `${((summary.median * 1000) / filters).toFixed(2)} us (least ${((summary.least * 1000) / filters).toFixed(2)})`;
  const ratio = ours.median / peer.median;
  return [
    {
      name: `WFP: ${exclusions} mixed exclusions, ${filters} filters, encoded and added in one transaction under Wine, engine without work inside, ${rounds} rounds`,
      ours: finely(ours),
      peerName: 'C',
      peer: finely(peer),
      ratio,
    },
    { name: 'WFP: one filter of these', ours: each(ours), peerName: 'C', peer: each(peer), ratio },
  ];
}
