import { spawn, spawnSync } from 'node:child_process';
import { nowMs } from '../statistics.js';

/** A program that hashes the same files. */
export interface Peer {
  /** As it is called, with what matters of its arguments. */
  readonly name: string;
  /** Shell command; `$TREE` and `$KNOWN` are paths. */
  readonly command: string;
  /** Exit codes that are no failure besides 0. */
  readonly codes?: readonly number[];
}

/** All run at the lowest priority, as the scan does: other work on this computer holds both up alike. */
const SHA256SUM = 'find "$TREE" -type f -print0 | xargs -0';

export const MD5_PEERS: readonly Peer[] = [
  // 1: some of the known hashes were not seen.
  { name: 'md5deep -m', command: 'md5deep -r -m "$KNOWN" "$TREE"', codes: [1] },
];
export const SHA256_PEERS: readonly Peer[] = [
  { name: 'sha256sum', command: `${SHA256SUM} sha256sum` },
  { name: 'sha256sum, 2 at a time', command: `${SHA256SUM} -P 2 -n 500 sha256sum` },
];

const DEADLINE_MS = 600_000;

/** Whether a program is there. */
export function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`], { timeout: DEADLINE_MS }).status === 0;
}

/** Runs it once. @returns milliseconds and what it printed. @throws Error if it failed */
export async function runPeer(
  { name, command, codes = [] }: Peer,
  places: { readonly tree: string; readonly known: string },
): Promise<{ ms: number; output: string }> {
  const startedAt = nowMs();
  const child = spawn('nice', ['-n', '19', 'sh', '-c', command], {
    env: { ...process.env, TREE: places.tree, KNOWN: places.known },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === null || ![0, ...codes].includes(code))
    throw new Error(`${name} failed with ${code ?? 'a signal'}`);
  return { ms: nowMs() - startedAt, output: Buffer.concat(pieces).toString() };
}
