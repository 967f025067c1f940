/** Name of the agent's service; its SID (`NT SERVICE\cordon-agent`) follows from it. */
export const SERVICE_NAME = 'cordon-agent';

/** A service as it is to be. */
export interface ServiceDefinition {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Services that are started before. */
  readonly dependsOn: readonly string[];
  /** Pauses before the first, the second and every later restart, milliseconds. */
  readonly restartAfterMs: readonly number[];
  /** Without a failure for that long the first pause comes again, seconds. */
  readonly resetAfterSeconds: number;
  /** What Windows allows it when the computer shuts down, milliseconds. */
  readonly preshutdownMs: number;
}

/**
 * The agent: begins with Windows, as LocalSystem, and comes back whatever ends it. It depends on nothing, not on the filter
 * engine either: Windows would end it along with that one and not begin it again, when somebody has to say that nothing is
 * enforced and to put it right. Where it begins too early it ends with an error, and is begun anew.
 */
export function agentService(command: readonly string[]): ServiceDefinition {
  return {
    name: SERVICE_NAME,
    displayName: 'Cordon agent',
    description:
      'Isolates this computer from the network when its management server says so. A stop of this service releases nothing.',
    command,
    dependsOn: [],
    restartAfterMs: [1_000, 5_000, 30_000],
    resetAfterSeconds: 86_400,
    preshutdownMs: 20_000,
  };
}

/**
 * A command line that is read back as exactly these words (CommandLineToArgvW, and the C library). Every word is quoted:
 * without quotes `C:\Program Files\x.exe` would start `C:\Program.exe` where somebody has put one there.
 */
export function commandLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  // Backslashes count only in front of a quote, and there each one stands for itself and for the quote's.
  return `"${word.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}
