import { ConfigError, loadConfig } from '../../shared/config/load.js';
import { completed, configSchema, type AgentConfig, type AgentSettings } from '../config.js';

/** Flags as commander gives them: camelCase, undefined where not given. */
export type Flags = Readonly<Record<string, unknown>>;

const ENVIRONMENT = 'CORDON_AGENT';

/** @throws ConfigError that names the key and what to do */
export function readSettings(flags: Flags): AgentSettings {
  const { config, ...rest } = flags;
  const file = (config as string | undefined) ?? process.env[`${ENVIRONMENT}_CONFIG`];
  const snake = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return loadConfig(configSchema, {
    flags: Object.fromEntries(Object.entries(rest).map(([key, value]) => [snake(key), value])),
    environment: process.env,
    environmentPrefix: ENVIRONMENT,
    file,
  });
}

/** @throws ConfigError also where `server` is missing */
export function readConfig(flags: Flags): AgentConfig {
  const config = completed(readSettings(flags));
  if (config) return config;
  throw new ConfigError(
    'server: missing; give the management port of the server, for example --server cordon.example.com:7444',
  );
}
