import { readFileSync } from 'node:fs';
import { codeOf } from '../../../agent/enforce/wfp/errors.js';
import { systemLibrary } from '../../../agent/windows/library.js';
import type { BfeDump, JournalEntry } from '../bfe-double/dump.js';

const FOLDER = process.env['CORDON_BFE_DIR'] ?? 'C:\\cordon-bfe';

/** More calls than any test makes. */
const ALL = 1_000_000;

/** The double of BFE from the side of a program that runs with it: many steers in little time. */
export class InsideBfe {
  private constructor(private readonly run: (commands: string) => number) {}

  static async open(): Promise<InsideBfe> {
    const library = await systemLibrary('fwpuclnt.dll');
    return new InsideBfe(
      library.func('uint32_t __stdcall CordonBfeControl(const char *)') as (commands: string) => number,
    );
  }

  /** Has commands done at once (grammar: test/windows/bfe-double/README.md). @throws Error where one cannot be done */
  control(...commands: readonly string[]): void {
    const code = this.run(commands.join('\n'));
    if (code !== 0) throw new Error(`the double cannot do "${commands.join('; ')}": ${code}`);
  }

  /** The nth call from now on fails, and all after it where `further` says so. */
  failAt(call: number, errorName: string, further: 'once' | 'from-then-on'): void {
    this.control(`fail * ${call} ${codeOf(errorName)} ${further === 'once' ? 1 : ALL}`);
  }

  /** What it holds after these commands. */
  dump(...commands: readonly string[]): BfeDump {
    this.control(...commands, 'dump');
    return JSON.parse(readFileSync(`${FOLDER}\\dump.json`, 'utf8')) as BfeDump;
  }

  /** As it was when `version` was committed; `history on` must have been asked for before. */
  dumpOf(version: number): BfeDump {
    return JSON.parse(readFileSync(`${FOLDER}\\history\\${version}.json`, 'utf8')) as BfeDump;
  }

  /** Calls after `since`, a number that `dump().journal` gave. */
  journal(since: number): JournalEntry[] {
    const lines = readFileSync(`${FOLDER}\\journal.jsonl`, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as JournalEntry).filter(({ sequence }) => sequence > since);
  }
}
