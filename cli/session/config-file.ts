import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { yamlProblem } from '../../shared/config/yaml-problem.js';
import { writeDurably } from '../../shared/durable-file.js';
import { CliError, ExitCode } from '../exit.js';

const schema = z.strictObject({
  /** `HOST:PORT` of the management port. */
  server: z.string().optional(),
  /** API token. */
  token: z.string().optional(),
  /** Certificate of the CA, PEM. */
  ca: z.string().optional(),
});

/** What `cordon login` keeps between calls. */
export type ConfigFile = z.infer<typeof schema>;

type Environment = Readonly<Record<string, string | undefined>>;

/** CORDON_CONFIG, else `cordon/config.yaml` in XDG_CONFIG_HOME or ~/.config. */
export function configPath(env: Environment): string {
  if (env.CORDON_CONFIG) return env.CORDON_CONFIG;
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'cordon', 'config.yaml');
}

/** A missing file is an empty one. @throws CliError when it is there and cannot be used */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw broken(path, (error as Error).message);
  }
  try {
    return schema.parse(parse(text) ?? {});
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    throw broken(path, issue ? issueText(issue) : `is not YAML: ${yamlProblem(error)}`);
  }
}

/** Only the owner can read it: it holds the token. */
export function writeConfigFile(path: string, config: ConfigFile): void {
  try {
    writeDurably(path, stringify(config), 0o600);
  } catch (error) {
    throw new CliError(
      ExitCode.REFUSED,
      `${path} cannot be written (${(error as Error).message})`,
      'set CORDON_CONFIG to a file in a folder of yours',
    );
  }
}

function issueText({ path, message }: z.core.$ZodIssue): string {
  return path.length > 0 ? `${path.join('.')}: ${message}` : message;
}

function broken(path: string, why: string): CliError {
  return new CliError(ExitCode.USAGE, `${path}: ${why}`, 'correct it, or run "cordon login" again');
}
