import { listOwnedSockets, type OwnedSocket } from '../../../enforce/ss/list.js';
import { runTool, type ToolResult } from '../../../enforce/run-tool.js';
import { systemFiles, type SystemFiles } from './system-files.js';

/** What collectors need of this computer; a test puts its own in the place of a part. */
export interface LinuxSystem {
  readonly files: SystemFiles;
  /**
   * Runs a tool of the system to its end, at most 10 s.
   * @throws Error that says what is missing when it cannot be run
   */
  runTool(tool: string, packageName: string, args: readonly string[]): Promise<ToolResult>;
  /** TCP and UDP sockets of this network namespace. */
  sockets(): Promise<readonly OwnedSocket[]>;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
}

export function linuxSystem(): LinuxSystem {
  return {
    files: systemFiles(),
    runTool: (tool, packageName, args) => runTool(tool, packageName, args),
    sockets: listOwnedSockets,
    now: () => Date.now(),
  };
}

/** Text of a tool that must succeed. @throws Error with what the tool said */
export async function toolText(
  system: LinuxSystem,
  tool: string,
  packageName: string,
  args: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await system.runTool(tool, packageName, args);
  if (code !== 0) throw new Error(`${tool} failed: ${stderr}`);
  return stdout;
}
