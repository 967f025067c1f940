import type { ServerOptions } from '@grpc/grpc-js';

const MIB = 1024 * 1024;

/** A peer that vanished without a word is noticed within 80 s. */
const keepalive: ServerOptions = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Connections without a call, such as one that only enrolled.
  'grpc.max_connection_idle_ms': 300_000,
};

/** Agents: one long stream each. Channelz stays on: without it grpc-js cannot end open connections. */
export const agentPortOptions: ServerOptions = {
  ...keepalive,
  // A backstop that spreads reconnects and picks up new certificates; a planned stop is announced with Drain.
  'grpc.max_connection_age_ms': 6 * 3_600_000,
  'grpc.max_connection_age_grace_ms': 60_000,
  'grpc.max_concurrent_streams': 8,
  'grpc.max_receive_message_length': MIB,
  'grpc.max_send_message_length': 4 * MIB,
};

/** Operators, integrators and computers that enrol. */
export const managementPortOptions: ServerOptions = {
  ...keepalive,
  'grpc.max_concurrent_streams': 100,
  'grpc.max_receive_message_length': 4 * MIB,
};
