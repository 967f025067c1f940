import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { yamlProblem } from './yaml-problem.js';

/** Where a setting came from, for error messages. */
export interface ConfigSources {
  /** Values of flags, by key; undefined: not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Environment. `PREFIX_SOME_KEY` sets `some_key`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For example `CORDON_SERVER`. */
  readonly environmentPrefix: string;
  /** YAML file; undefined: none. */
  readonly file: string | undefined;
}

/** A setting is wrong. The message names the key, where it was set, and the rule. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads settings from flags, environment and a YAML file, in this order of precedence, and validates them. Keys are
 * snake_case in the file, `--kebab-case` as flags, `PREFIX_UPPER_CASE` in the environment. Lists are comma-separated in
 * flags and environment.
 * @throws ConfigError on an unknown key, a wrong value or an unreadable file
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  sources: ConfigSources,
): z.infer<z.ZodObject<Shape>> {
  const known = new Set(Object.keys(schema.shape));
  const origin = new Map<string, string>();
  const values: Record<string, unknown> = {};
  const take = (key: string, value: unknown, from: string): void => {
    if (!known.has(key))
      throw new ConfigError(`${from}: unknown key; known keys: ${[...known].sort().join(', ')}`);
    values[key] = value;
    origin.set(key, from);
  };

  for (const [key, value] of Object.entries(readFile(sources.file)))
    take(key, value, `${sources.file}: ${key}`);
  for (const [name, value] of Object.entries(sources.environment)) {
    if (!name.startsWith(`${sources.environmentPrefix}_`) || value === undefined) continue;
    const key = name.slice(sources.environmentPrefix.length + 1).toLowerCase();
    // The path of the file itself is not a setting in it.
    if (key !== 'config') take(key, value, name);
  }
  for (const [key, value] of Object.entries(sources.flags)) {
    if (value !== undefined) take(key, value, `--${key.replaceAll('_', '-')}`);
  }

  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? '');
    return `${origin.get(key) ?? key}: ${issue.message}`;
  });
  throw new ConfigError(lines.join('; '));
}

function readFile(path: string | undefined): Record<string, unknown> {
  if (path === undefined) return {};
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof YAMLParseError) throw new ConfigError(`${path}: is not YAML: ${yamlProblem(error)}`);
    throw new ConfigError(
      `${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}); give --config a file that this user may read`,
    );
  }
  if (content === null) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigError(`${path}: must hold keys and values, one "key: value" a line`);
  }
  return content as Record<string, unknown>;
}
