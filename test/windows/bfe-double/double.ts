import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Wine } from '../wine.js';
import { buildDouble, type BuiltDouble } from './build.js';
import { asFilter, type BfeDump, type JournalEntry } from './dump.js';
import type { Filter } from '../../../agent/enforce/wfp/types.js';

/** A running program takes a command within 10 ms; when none has by then, one is started for it. Milliseconds. */
const PATIENCE_MS = 100;
const POLL_MS = 5;
/** Where the double keeps its files unless CORDON_BFE_DIR says otherwise. */
const FOLDER = 'cordon-bfe';

export interface CallFault {
  /** Which call of the function from now on: 1 is the next. Default 1. */
  readonly call?: number;
  /** How many in a row. Default 1. */
  readonly times?: number;
}

/** The double of BFE in one Wine prefix, from the side of Linux. README.md tells what it models. */
export class BfeDouble {
  private commands = 0;

  private constructor(
    private readonly wine: Wine,
    readonly built: BuiltDouble,
    /** Its files, as Linux sees them. */
    readonly folder: string,
  ) {}

  /** Compiles it, unless it is, and puts it into the prefix as `fwpuclnt.dll`. Programs load it as they would on Windows. */
  static install(wine: Wine): BfeDouble {
    const built = buildDouble();
    wine.installLibrary(built.library);
    const folder = wine.driveC(FOLDER);
    mkdirSync(join(folder, 'control'), { recursive: true });
    return new BfeDouble(wine, built, folder);
  }

  /** What it held when it last wrote that down: after every commit at once, counters in the next pause between calls. */
  dump(): BfeDump {
    return JSON.parse(readFileSync(join(this.folder, 'dump.json'), 'utf8')) as BfeDump;
  }

  /** What it holds now. */
  async refresh(): Promise<BfeDump> {
    await this.control('dump');
    return this.dump();
  }

  /** Filters of a provider (default: all) as the binding describes them, in the order of adding. */
  filters(provider?: string): Filter[] {
    return this.dump()
      .filters.filter((filter) => provider === undefined || filter.provider === provider)
      .map(asFilter);
  }

  /**
   * Has commands of the control's grammar done, before any further call of the API is.
   * @throws Error where one could not be done
   */
  async control(...commands: readonly string[]): Promise<void> {
    const before = existsSync(join(this.folder, 'dump.json')) ? this.dump().errors : [];
    this.commands += 1;
    const name = `${String(Date.now()).padStart(15, '0')}-${String(this.commands).padStart(6, '0')}`;
    const file = join(this.folder, 'control', `${name}.cmd`);
    writeFileSync(`${file}.new`, commands.map((command) => `${command}\n`).join(''));
    renameSync(`${file}.new`, file);
    const deadline = Date.now() + PATIENCE_MS;
    while (existsSync(file) && Date.now() < deadline) await pause(POLL_MS);
    if (existsSync(file)) {
      const { code, stderr } = await this.wine.run(this.wine.windowsPath(this.built.control));
      if (code !== 0 || existsSync(file))
        throw new Error(`the control of the double fails: ${code} ${stderr}`);
    }
    const failed = this.dump()
      .errors.slice(before.length)
      .filter((error) => error.startsWith('control:'));
    if (failed.length > 0) throw new Error(failed.join('; '));
  }

  /** Empty, running, no faults; handles that are open end. */
  reset(): Promise<void> {
    return this.control('reset');
  }

  /** The computer starts again: `booting` leaves it where only boot-time filters act, until `start`. Programs are not ended. */
  reboot(until: 'booting' | 'running' = 'running'): Promise<void> {
    return until === 'booting' ? this.control('reboot') : this.control('reboot', 'start');
  }

  /** Somebody stops the service. */
  stop(): Promise<void> {
    return this.control('stop');
  }

  start(): Promise<void> {
    return this.control('start');
  }

  /** @param name of the function, `*` for any @param code that it returns, without having done anything */
  fail(name: string, code: number, { call = 1, times = 1 }: CallFault = {}): Promise<void> {
    return this.control(`fail ${name} ${call} ${code} ${times}`);
  }

  /** The call does its work and fails all the same, as when the answer of a service is lost. */
  failAfter(name: string, code: number, { call = 1, times = 1 }: CallFault = {}): Promise<void> {
    return this.control(`fail-after ${name} ${call} ${code} ${times}`);
  }

  delay(name: string, milliseconds: number, { call = 1, times = 1 }: CallFault = {}): Promise<void> {
    return this.control(`delay ${name} ${call} ${milliseconds} ${times}`);
  }

  clearFaults(): Promise<void> {
    return this.control('clear-faults');
  }

  /** A program that is not there holds the lock of transactions until `releaseLock`. */
  holdLock(processId: number, sessionName: string): Promise<void> {
    return this.control(`hold ${processId} ${sessionName}`);
  }

  releaseLock(): Promise<void> {
    return this.control('release');
  }

  /** Memory for callers begins at odd addresses. */
  oddAddresses(on: boolean): Promise<void> {
    return this.control(`odd-addresses ${on ? 'on' : 'off'}`);
  }

  /** The next changes of filters are told to nobody. */
  dropEvents(count: number): Promise<void> {
    return this.control(`events drop ${count}`);
  }

  /** The next changes of filters are told twice. */
  duplicateEvents(count: number): Promise<void> {
    return this.control(`events duplicate ${count}`);
  }

  /** Calls in the order in which they took effect, those after `since` (a `sequence`). */
  journal(since = 0): JournalEntry[] {
    const file = join(this.folder, 'journal.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as JournalEntry).filter(({ sequence }) => sequence > since);
  }

  journalling(on: boolean): Promise<void> {
    return this.control(`journal ${on ? 'on' : 'off'}`);
  }

  /** The dump is not written at every commit but in pauses: for thousands of transactions. `refresh` reads what holds. */
  lazyDumps(on: boolean): Promise<void> {
    return this.control(`lazy ${on ? 'on' : 'off'}`);
  }

  /** From now on the dump of every version is kept: for `dumpOf`. */
  keepHistory(on: boolean): Promise<void> {
    return this.control(`history ${on ? 'on' : 'off'}`);
  }

  /** The dump as it was last written while `version` was committed. */
  dumpOf(version: number): BfeDump {
    return JSON.parse(readFileSync(join(this.folder, 'history', `${version}.json`), 'utf8')) as BfeDump;
  }
}
