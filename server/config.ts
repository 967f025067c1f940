import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LOG_LEVELS } from '../shared/log.js';
import { parseSyslogTarget } from './events/syslog-target.js';
import { parseListenAddress } from './listen-address.js';

const list = z
  .union([z.string().transform((text) => text.split(',').map((part) => part.trim())), z.array(z.string())], {
    message: 'must be host names or addresses, comma-separated or as a list',
  })
  .transform((parts) => parts.filter((part) => part !== ''));

const listen = (fallback: string): z.ZodType<string> =>
  z
    .string({ message: 'must be ADDRESS:PORT, for example [::]:7443 or 192.0.2.1:7443' })
    .default(fallback)
    .refine((text) => parseListenAddress(text) !== undefined, {
      message: 'must be ADDRESS:PORT, for example [::]:7443 or 192.0.2.1:7443',
    });

const number = (lowest: number, highest: number, fallback: number): z.ZodType<number> =>
  z.coerce
    .number({ message: `must be a number from ${lowest} to ${highest}` })
    .min(lowest, { message: `must be at least ${lowest}` })
    .max(highest, { message: `must be at most ${highest}` })
    .default(fallback);

const file = z.string({ message: 'must be a file' }).min(1, { message: 'must be a file' });

const SYSLOG_RULE =
  'must be udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT, for example tls://siem.example:6514';

/** Settings of the server: keys as in the YAML file. */
export const serverConfigSchema = z.object({
  /** Folder of CA, store and lock. */
  data_dir: z
    .string({ message: 'must be a folder' })
    .min(1, { message: 'must be a folder' })
    .default(defaultDataDir()),
  /** Where agents connect. */
  agent_listen: listen('[::]:7443'),
  /** Where operators, integrators and computers that enrol connect. */
  management_listen: listen('[::]:7444'),
  /** Names and addresses in the server certificate beside those that the server finds itself. */
  server_names: list
    .pipe(
      z.array(
        z
          .string()
          .regex(/^[A-Za-z0-9.:_-]{1,253}$/, { message: 'must be host names or addresses, comma-separated' }),
      ),
    )
    .default([]),
  /** How long device certificates are valid, days. */
  certificate_days: number(1, 398, 30),
  log_level: z.enum(LOG_LEVELS, { message: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  /** Time between heartbeats of an agent, seconds. */
  heartbeat_seconds: number(1, 600, 30),
  /** The first attempt of an agent to come back waits a random time up to this, seconds. */
  reconnect_spread_seconds: number(0, 600, 10),
  /** How long a planned stop waits for agents and calls, seconds. */
  drain_seconds: number(0, 300, 10),
  /** File that events are appended to as JSON lines, for a SIEM. Default: none. */
  event_file: file.optional(),
  /** Where events go as syslog. Default: nowhere. */
  event_syslog: z
    .string({ message: SYSLOG_RULE })
    .refine((text) => parseSyslogTarget(text) !== undefined, { message: SYSLOG_RULE })
    .optional(),
  /** PEM file with the authorities that the receiver's certificate may come from. Default: those of the system. */
  event_syslog_ca: file.optional(),
});

export type ServerConfig = z.infer<typeof serverConfigSchema>;

function defaultDataDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/cordon-server'
    : join(homedir(), '.local', 'share', 'cordon-server');
}
