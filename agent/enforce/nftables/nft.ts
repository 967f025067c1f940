import { EnforceError } from '../enforcer.js';
import { runTool, startTool, type ToolResult } from '../run-tool.js';
import { TABLE } from './render.js';

/**
 * Hands one transaction to the kernel: all of it takes effect at once, or nothing.
 * @throws EnforceError with what nft said and what to do
 */
export async function loadTransaction(text: string): Promise<void> {
  const { code, stderr } = await runTool('nft', 'nftables', ['-f', '-'], text);
  if (code !== 0) throw refused(stderr);
}

/**
 * Hands transactions to the kernel, one after the other, until it takes one. Then reads our table back, undefined: there
 * is none.
 * @throws EnforceError with what nft said of the last one and what to do
 */
export async function loadAndList(texts: readonly string[]): Promise<string | undefined> {
  // Half of the time of a listing is the start of nft, which need not wait for the kernel.
  const lister = startTool('nft', 'nftables', LISTER);
  try {
    for (const [index, text] of texts.entries()) {
      const { code, stderr } = await runTool('nft', 'nftables', ['-f', '-'], text);
      if (code === 0) break;
      if (index === texts.length - 1) throw refused(stderr);
    }
    return listingOf(await lister.finish(LIST));
  } finally {
    lister.end();
  }
}

/** Listing of our table with numbers in place of names, or undefined when there is no such table. */
export async function listTable(): Promise<string | undefined> {
  return listingOf(await runTool('nft', 'nftables', LISTER, LIST));
}

const LISTER = ['-nn', '-f', '-'];
const LIST = `list table ${TABLE}\n`;

function listingOf({ code, stdout, stderr }: ToolResult): string | undefined {
  if (code === 0) return stdout;
  if (/No such file or directory/.test(stderr)) return undefined;
  throw refused(stderr);
}

/** Checks a transaction without putting it into effect. */
export async function checkTransaction(text: string): Promise<void> {
  const { code, stderr } = await runTool('nft', 'nftables', ['-c', '-f', '-'], text);
  if (code !== 0) throw refused(stderr);
}

/** Version of nft, for example `[1, 0, 6]`. */
export async function nftVersion(): Promise<readonly number[]> {
  const { stdout } = await runTool('nft', 'nftables', ['--version']);
  const found = /v(\d+)\.(\d+)(?:\.(\d+))?/.exec(stdout);
  if (!found) throw new EnforceError(`nft --version printed "${stdout.trim()}", which is not a version`);
  return found.slice(1).map((part) => Number(part ?? 0));
}

function refused(stderr: string): EnforceError {
  const lines = stderr.split('\n').filter((line) => /error|refused|permitted/i.test(line));
  const said = lines[0]?.replace(/^.*?Error:\s*/, '') ?? stderr.split('\n')[0] ?? 'nothing';
  if (/Operation not permitted|must be root/.test(stderr)) {
    return new EnforceError(`nft was refused (${said}): run the agent as root or with CAP_NET_ADMIN`);
  }
  return new EnforceError(`nft refused the rules: ${said}; the rules from before are still in force`);
}
