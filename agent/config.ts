import { z } from 'zod';
import { LOG_LEVELS } from '../shared/log.js';
import { parseFingerprint } from '../shared/tls/fingerprint.js';
import { ENFORCER_NAMES } from './enforce/choose.js';
import { helperRule } from './helper-services.js';
import type { HostPort } from './link/server-addresses.js';
import { placesOn, socketRule } from './places.js';

const AGENT_PORT = 7443;
const MANAGEMENT_PORT = 7444;

/** Reads `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address. Undefined: it is none of them. */
export function parseHostPort(text: string, defaultPort: number): HostPort | undefined {
  const match =
    /^\[(?<six>[0-9a-fA-F:.]+)\](?::(?<sixPort>\d{1,5}))?$/.exec(text) ??
    /^(?<six>[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.exec(text) ??
    /^(?<host>[A-Za-z0-9_.-]{1,253})(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.['host'] ?? match?.groups?.['six'];
  if (host === undefined) return undefined;
  const digits = match?.groups?.['port'] ?? match?.groups?.['sixPort'];
  const port = digits === undefined ? defaultPort : Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function place(defaultPort: number, example: string): z.ZodType<HostPort> {
  return z.string(`must be HOST:PORT, for example ${example}`).transform((text, context) => {
    const found = parseHostPort(text.trim(), defaultPort);
    if (found) return found;
    context.addIssue({ code: 'custom', message: `"${text}" is not HOST:PORT, for example ${example}` });
    return z.NEVER;
  });
}

/** A YAML list, or comma-separated text. */
function list<Item>(item: z.ZodType<Item>): z.ZodType<Item[]> {
  const split = (value: unknown): unknown =>
    typeof value === 'string' ? value.split(',').filter((part) => part.trim() !== '') : value;
  return z.preprocess(split, z.array(item));
}

const fingerprint = z.string('must be text').transform((text, context) => {
  const parsed = parseFingerprint(text);
  if (parsed !== undefined) return parsed;
  const message =
    'must be the SHA-256 of the CA certificate, 64 hex digits, as "cordon enroll-token create" prints it';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const here = process.platform;
const places = placesOn(here);
const socket = socketRule(here);
const helper = helperRule(here);

/** Settings of the agent: flags, CORDON_AGENT_*, YAML (shared/config/load.ts). */
export const configSchema = z.object({
  /** Management port of the server: enrolment, renewal of an expired certificate. Default port 7444. */
  server: place(MANAGEMENT_PORT, 'cordon.example.com:7444').optional(),
  /** Agent port of the server. Default: the same host, port 7443. */
  agent_server: list(place(AGENT_PORT, 'cordon.example.com:7443')).optional(),
  /** Identity, state, events. Only root, or administrators, may read it. */
  data_dir: z.string('must be a folder').min(1, 'must be a folder').default(places.dataDir),
  /** Local control socket: "cordon-agent isolation" and local detectors. On Linux its folder must belong to root alone. */
  control_socket: z
    .string('must be a path')
    .refine(socket.test, socket.message)
    .default(places.controlSocket),
  enforcer: z.enum(ENFORCER_NAMES, `must be one of ${ENFORCER_NAMES.join(', ')}`).default('auto'),
  /** Secret of an enrolment token; needed once. */
  enrollment_token: z.string('must be text').min(1, 'must not be empty').optional(),
  /** SHA-256 of the CA certificate; needed once. */
  ca_fingerprint: fingerprint.optional(),
  log_level: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  /** systemd units, or Windows services, of the agent's own helpers, which may use the network while isolated. */
  helper_services: list(z.string().regex(helper.pattern, helper.message)).default([]),
  /** Places that must not be reachable while isolated; they are asked before, so that their silence proves something. */
  canaries: list(place(443, '192.0.2.1:443')).default([]),
  /** Whether logged-in users are told when this computer is isolated and released. */
  notify_users: z.union([z.boolean(), z.stringbool()], 'must be true or false').default(true),
  /** Time between two pings of the connection, seconds. A dead one is noticed after one and a half times this. */
  keepalive_seconds: z.coerce
    .number('must be a number of seconds')
    .min(1, 'must be 1 to 600 seconds')
    .max(600, 'must be 1 to 600 seconds')
    .default(30),
});

export type AgentSettings = z.infer<typeof configSchema>;

/** Settings with everything that a running agent needs. */
export interface AgentConfig extends AgentSettings {
  readonly server: HostPort;
  readonly agent_server: HostPort[];
}

/** Fills in what follows from other settings. Undefined: `server` is missing. */
export function completed(settings: AgentSettings): AgentConfig | undefined {
  const { server, agent_server: places } = settings;
  if (!server) return undefined;
  const agentServer = places && places.length > 0 ? places : [{ host: server.host, port: AGENT_PORT }];
  return { ...settings, server, agent_server: agentServer };
}
