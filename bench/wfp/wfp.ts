import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OBJECTS_DACL } from '../../agent/enforce/wfp/own-objects.js';
import { packageRoot } from '../../shared/package-root.js';
import { must } from '../../test/net/site/run.js';
import { buildDouble, mingw } from '../../test/windows/bfe-double/build.js';
import { Wine, wine, type WineEnded, type WineOptions } from '../../test/windows/wine.js';
import type { Figure } from '../report.js';
import { inMs, summarize, type Summary } from '../statistics.js';
import { benchFilters } from './filters.js';
import type { ApplyTimes } from './messages.js';
import { recordsOf } from './records.js';

export interface WfpRequest {
  /** 0: the default profiles. */
  readonly exclusions: number;
  readonly rounds: number;
}

export interface WfpRequests {
  /** What a call costs. */
  readonly binding: WfpRequest;
  /** What an isolation costs. */
  readonly apply: readonly WfpRequest[];
}

const TIMEOUT_MS = 300_000;
/** Every call of the double succeeds at once and does nothing. */
const NULL_ENGINE: WineOptions = { env: { CORDON_BFE_NULL: '1' }, timeoutMs: TIMEOUT_MS };
/** The double keeps objects, references and transactions. */
const KEEPING_ENGINE: WineOptions = { timeoutMs: TIMEOUT_MS };

/**
 * Windows' part under Wine, against the same filters added by a program in C to the same double of the filter engine in the
 * same run. Undefined, with a line that says so: there is no Wine.
 */
export async function measureWfp(requests: WfpRequests): Promise<Figure[] | undefined> {
  const missing = [wine, mingw].find(({ met }) => !met);
  if (missing) {
    console.log(`SKIPPED: the binding of WFP and the isolation through it: ${missing.why}\n`);
    return undefined;
  }
  const windows = Wine.make();
  try {
    windows.installLibrary(buildDouble().library);
    compilePeer(windows);
    const figures = [
      ...(await measureBinding(windows, requests.binding, NULL_ENGINE, 'engine without work inside')),
      ...(await measureBinding(windows, requests.binding, KEEPING_ENGINE, 'engine that keeps them')),
    ];
    for (const request of requests.apply) figures.push(await measureApply(windows, request));
    return figures;
  } finally {
    windows.close();
  }
}

/** Encoding and handing over, nothing else. As many rounds warm up before. */
async function measureBinding(
  windows: Wine,
  request: WfpRequest,
  engine: WineOptions,
  which: string,
): Promise<Figure[]> {
  const twice = { ...request, rounds: request.rounds * 2 };
  const times = (await runOurs(windows, 'bench/wfp/add-process.js', twice, engine)) as number[];
  const ours = summarize(times.slice(request.rounds));
  const peer = summarize((await runPeer(windows, twice, engine)).slice(request.rounds));
  const filters = benchFilters(request.exclusions).length;
  const ratio = ours.median / peer.median;
  const each = (summary: Summary): string =>
    `${((summary.median * 1000) / filters).toFixed(2)} us (least ${((summary.least * 1000) / filters).toFixed(2)})`;
  const what = `${request.exclusions} mixed exclusions, ${filters} filters`;
  return [
    {
      name: `WFP: ${what}, encoded and added in one transaction under Wine, ${which}, ${request.rounds} rounds`,
      ours: finely(ours),
      peerName: 'C',
      peer: finely(peer),
      ratio,
    },
    {
      name: `WFP: one filter of these, ${which}`,
      ours: each(ours),
      peerName: 'C',
      peer: each(peer),
      ratio,
    },
  ];
}

/** From a plan to filters that were read back; C adds them and looks at nothing. */
async function measureApply(windows: Wine, request: WfpRequest): Promise<Figure> {
  const { exclusions, rounds } = request;
  const times = (await runOurs(windows, 'bench/wfp/apply-process.js', request, KEEPING_ENGINE)) as ApplyTimes;
  const peer = summarize(await runPeer(windows, request, KEEPING_ENGINE));
  const ours = summarize(times.apply);
  const rest = [
    `the same plan again ${inMs(summarize(times.again))}`,
    `inspected ${inMs(summarize(times.inspect))}`,
    `longest pause of the event loop ${inMs(summarize(times.pause))}`,
  ];
  const many = exclusions === 0 ? 'default' : `${exclusions} mixed`;
  const filters = benchFilters(exclusions).length;
  return {
    name: `WFP: plan to filters in the engine and read back under Wine, ${many} exclusions, ${filters} filters, ${rounds} rounds`,
    ours: [inMs(ours), ...rest].join('; '),
    peerName: 'C adds alone',
    peer: inMs(peer),
    ratio: ours.median / peer.median,
  };
}

async function runOurs(
  windows: Wine,
  program: string,
  { exclusions, rounds }: WfpRequest,
  engine: WineOptions,
): Promise<unknown> {
  const answer = join(windows.folder, 'times.json');
  const args = [`${exclusions}`, `${rounds}`, windows.windowsPath(answer)];
  succeeded(await windows.runNode(windows.compiled(program), args, engine), program);
  return JSON.parse(readFileSync(answer, 'utf8'));
}

async function runPeer(
  windows: Wine,
  { exclusions, rounds }: WfpRequest,
  engine: WineOptions,
): Promise<number[]> {
  const records = join(windows.folder, 'records');
  writeFileSync(records, recordsOf(benchFilters(exclusions), OBJECTS_DACL));
  const args = [windows.windowsPath(records), `${rounds}`];
  const peer = await windows.run(windows.windowsPath(peerOf(windows)), args, engine);
  succeeded(peer, 'the program in C');
  return peer.stdout.trim().split('\n').map(Number);
}

function succeeded({ code, stdout, stderr }: WineEnded, program: string): void {
  if (code !== 0) throw new Error(`${program} failed with ${code ?? 'a signal'}: ${stdout}${stderr}`);
}

const peerOf = ({ folder }: Wine): string => join(folder, 'peer.exe');

function compilePeer(windows: Wine): void {
  const source = join(packageRoot, 'bench', 'wfp', 'peer.c');
  must('x86_64-w64-mingw32-gcc', ['-O2', '-municode', '-o', peerOf(windows), source, '-lfwpuclnt']);
}

/** C needs a few hundredths of a millisecond. */
function finely({ median, least, p99 }: Summary): string {
  return `${median.toFixed(3)} ms (least ${least.toFixed(3)}, p99 ${p99.toFixed(3)})`;
}
