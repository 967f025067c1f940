import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import { must } from '../../test/net/site/run.js';
import { Wine, wine } from '../../test/windows/wine.js';
import type { Figure } from '../report.js';
import { inMs, summarize, type Summary } from '../statistics.js';
import { nullDouble, withNullDouble } from './double.js';
import { benchFilters } from './filters.js';
import { recordsOf } from './records.js';

export interface WfpRequest {
  readonly exclusions: number;
  /** Measured ones; as many of each side warm up before. */
  readonly rounds: number;
}

/**
 * A list of exclusions encoded and handed to the filter engine in one transaction, against the same calls made from C. The
 * engine is a double that does nothing, so that what is left is the cost of the binding. Undefined, with a line that says
 * so: there is no Wine.
 */
export async function measureWfp({ exclusions, rounds }: WfpRequest): Promise<Figure[] | undefined> {
  if (!wine.met) {
    console.log(`SKIPPED: the binding of WFP: ${wine.why}\n`);
    return undefined;
  }
  const filters = benchFilters(exclusions);
  const windows = Wine.make();
  try {
    nullDouble(windows);
    const all = `${rounds * 2}`;
    const answer = join(windows.folder, 'times.json');
    const program = windows.compiled('bench/wfp/process.js');
    const ours = await windows.runNode(program, [`${exclusions}`, all, windows.windowsPath(answer)], withNullDouble);
    if (ours.code !== 0) throw new Error(`the measuring process failed: ${ours.stdout}${ours.stderr}`);
    const records = join(windows.folder, 'records');
    writeFileSync(records, recordsOf(filters));
    const peer = await windows.run(
      windows.windowsPath(compilePeer(windows.folder)),
      [windows.windowsPath(records), all],
      withNullDouble,
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

function figures(ours: Summary, peer: Summary, run: WfpRequest & { readonly filters: number }): Figure[] {
  const { exclusions, filters, rounds } = run;
  const each = (summary: Summary): string =>
    `${((summary.median * 1000) / filters).toFixed(2)} us (least ${((summary.least * 1000) / filters).toFixed(2)})`;
  const ratio = ours.median / peer.median;
  return [
    {
      name: `WFP: ${exclusions} mixed exclusions, ${filters} filters, encoded and added in one transaction under Wine, engine without work inside, ${rounds} rounds`,
      ours: inMs(ours),
      peerName: 'C',
      peer: inMs(peer),
      ratio,
    },
    { name: 'WFP: one filter of these', ours: each(ours), peerName: 'C', peer: each(peer), ratio },
  ];
}
