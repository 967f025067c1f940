import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import { must } from '../net/site/run.js';

const DIST = join(packageRoot, 'dist');
const MAKE = join(DIST, 'test', 'windows', 'make-bundle.js');
/** Seconds on a computer with nothing else to do. */
const DEADLINE_MS = 180_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Of this process: what is compiled does not change while tests run. */
let made: string | undefined;

/**
 * The compiled project as a few large files, made unless it is there. Under Wine each file that Node loads costs some
 * 10 ms, and the agent is 900 of them: from the files that are installed it starts in 10 s, as a bundle in less than one.
 * The code is the same; `agent.test.ts` starts the agent from the files that are installed.
 * @param cache folder that holds bundles; those that are older than a day are removed
 * @param home Windows path of the folder that `dist` is in for the programs that run, for example `C:\cordon`
 * @returns the folder that stands for `dist`
 */
export function bundled(cache: string, home: string): string {
  return (made ??= make(cache, home));
}

function make(cache: string, home: string): string {
  const target = join(cache, fingerprint(home));
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const old = join(cache, name);
    if (Date.now() - statSync(old).mtimeMs > DAY_MS) rmSync(old, { recursive: true, force: true });
  }
  const folder = mkdtempSync(join(cache, 'new-'));
  try {
    must(process.execPath, [MAKE, folder, home], '', DEADLINE_MS);
    // Another run may have been quicker: what it made is the same.
    if (!existsSync(target)) renameSync(folder, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return target;
}

/** Of all that is compiled, by what a compiler changes; of the packages, by their lock file. */
function fingerprint(home: string): string {
  const hash = createHash('sha256').update(`${packageRoot}\n${home}\n`);
  hash.update(readFileSync(join(packageRoot, 'package-lock.json')));
  for (const name of (readdirSync(DIST, { recursive: true }) as string[]).sort()) {
    if (!name.endsWith('.js')) continue;
    const { size, mtimeMs } = statSync(join(DIST, name));
    hash.update(`${name} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}
