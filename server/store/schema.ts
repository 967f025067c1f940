import type { Generated } from 'kysely';
import type { ScanTables } from './scan-tables.js';

/**
 * Tables as the queries see them. Times are milliseconds since 1970 UTC; yes/no is 1/0; `*_proto` columns hold an
 * encoded message of the contract. Only types that SQLite and PostgreSQL share.
 */
export interface Database extends ScanTables {
  devices: DevicesTable;
  certificates: CertificatesTable;
  enrollment_tokens: EnrollmentTokensTable;
  groups: GroupsTable;
  policies: PoliciesTable;
  isolation_tasks: IsolationTasksTable;
  settings: SettingsTable;
  api_tokens: ApiTokensTable;
  isolations: IsolationsTable;
  commands: CommandsTable;
  events: EventsTable;
  alerts: AlertsTable;
  alert_comments: AlertCommentsTable;
  event_cursors: EventCursorsTable;
  audit: AuditTable;
  requests: RequestsTable;
}

export interface DevicesTable {
  id: string;
  /** Unique. */
  name: string;
  /** '' is the root group. */
  group_id: string;
  /** JSON array of strings. */
  tags_json: string;
  /** HostFacts; null before the first stream. */
  facts_proto: Uint8Array | null;
  /** `facts_proto.os`, for filters; '' before the first stream. */
  os: Generated<string>;
  /** `facts_proto.time_zone`, for schedules; '' where it is not known. */
  time_zone: Generated<string>;
  agent_version: string;
  enrolled_at: number;
  last_seen_at: number | null;
  banned: number;
  clone_suspected: number;
  /** SHA-256 of the public key (SPKI, DER), hex: enrolment and renewal compare it. */
  key_hash: string;
  /** Token that the device enrolled with, for an idempotent repeat. */
  enrollment_token_id: string;
  generation: number;
  observed_generation: number;
  /** Row of `settings` that the policy and the task of the device come to; '' before they were merged first. */
  settings_hash: Generated<string>;
  /** IsolationDirective; null before the first. */
  directive_proto: Uint8Array | null;
  /** ObservedIsolation; null before the first report. */
  observed_proto: Uint8Array | null;
  /** Number of the contract's IsolationState in observed_proto, for filters; 0 before the first report. */
  observed_state: Generated<number>;
  /** '' if the newest generation was not refused. */
  rejection: string;
  /** Number of the newest stream. */
  epoch: number;
  /** Nonce that the next Hello should return; null before the first stream. */
  session_nonce: Uint8Array | null;
  /** One more with each change of the row; the etag. */
  version: Generated<number>;
}

export interface CertificatesTable {
  /** SHA-256 of the DER, hex. */
  fingerprint: string;
  device_id: string;
  /** Hex. */
  serial: string;
  issued_at: number;
  expires_at: number;
  /** First stream that used it; older certificates of the device stop working then. */
  first_used_at: number | null;
  /** Superseded, or the device was banned or removed. */
  revoked_at: number | null;
}

export interface EnrollmentTokensTable {
  id: string;
  /** SHA-256 of the secret, hex. Secrets are 256 random bits, so a plain hash does. */
  secret_hash: string;
  max_uses: number;
  uses: number;
  expires_at: number;
  group_id: string;
  created_by: string;
  created_at: number;
  revoked: number;
}

/** The tree of groups without its root, whose id is '' here and `root` in the contract. */
export interface GroupsTable {
  id: string;
  /** Unique among its siblings. */
  name: string;
  /** '' is the root group. */
  parent_id: string;
  version: Generated<number>;
}

export interface PoliciesTable {
  id: string;
  /** Unique. */
  name: string;
  /** Unique; '' is the root group. */
  group_id: string;
  /** Policy without what other columns hold and what the server sets in answers. */
  policy_proto: Uint8Array;
  version: Generated<number>;
}

/** Network-isolation tasks, one a device or group. */
export interface IsolationTasksTable {
  id: string;
  /** `device` or `group`; unique together with scope_id. */
  scope_kind: string;
  /** Id of the device or group; '' is the root group. */
  scope_id: string;
  /** IsolationSettings. */
  settings_proto: Uint8Array;
  version: Generated<number>;
}

/** Merged settings of devices, each kept once: many devices and many records of isolations share them. */
export interface SettingsTable {
  /** SHA-256 of settings_proto, hex. */
  hash: string;
  /** DesiredState with settings alone (server/desired/settings.ts). */
  settings_proto: Uint8Array;
}

export interface ApiTokensTable {
  id: string;
  /** SHA-256 of the secret, hex. */
  secret_hash: string;
  operator_name: string;
  /** Number of the contract's Role. */
  role: number;
  created_at: number;
  expires_at: number | null;
  revoked: number;
}

export interface IsolationsTable {
  id: string;
  device_id: string;
  /** Number of the contract's IsolationMode. */
  mode: number;
  requested_by: string;
  reason: string;
  issued_at: number;
  delivered_at: number | null;
  enforced_at: number | null;
  verified_at: number | null;
  ended_at: number | null;
  /** Number of the contract's IsolationEndCause; 0 while active. */
  end_cause: number;
  released_by: string;
  release_reason: string;
  /** Row of `settings` that was used; '' for records of before there were policies. */
  settings_hash: string;
  /** Delay that the order itself set, milliseconds; 0: never; null: the settings say. */
  release_delay_ms: number | null;
  /** When it ends by itself, by the last report of the device; null: never, or not enforced yet. */
  until_at: number | null;
  /** IsolationEvidence; null before the first. */
  evidence_proto: Uint8Array | null;
}

export interface CommandsTable {
  id: string;
  device_id: string;
  /** CommandSpec. */
  spec_proto: Uint8Array;
  /** Number of the contract's CommandState. */
  state: number;
  requested_by: string;
  created_at: number;
  expires_at: number;
  run_timeout_ms: number;
  finished_at: number | null;
  error: string;
  /** CommandResult. */
  result_proto: Uint8Array | null;
  delivery_attempts: number;
  cancel_requested: number;
  /** Not started before this; null: at once. */
  not_before: Generated<number | null>;
  /** IOC scan task that it is a run of; '' for other work. Its spec is then in `ioc_scan_specs`, not in spec_proto. */
  task_id: Generated<string>;
  /** Version of the task that it carries out. */
  task_version: Generated<number>;
  /** Made by the schedule of the task; 0: by an operator. */
  scheduled: Generated<number>;
  /** Taken back by the server because the task or the device has changed: it counts for no status. */
  withdrawn: Generated<number>;
  /** An operator wants it to stand still. */
  pause_requested: Generated<number>;
  progress_percent: Generated<number>;
  /** ScanProgress; null: none was reported. */
  progress_proto: Generated<Uint8Array | null>;
}

/**
 * Events of agents; the primary key makes a repeated one harmless, also one whose alert is gone. What a detection says is in
 * its alert alone.
 */
export interface EventsTable {
  id: string;
  device_id: string;
  occurred_at: number;
  received_at: number;
  /** AgentEvent. */
  event_proto: Uint8Array;
}

/** Detections. At most 10,000 a device (server/alerts/prune.ts). */
export interface AlertsTable {
  /** The event's id. */
  id: string;
  /** Grows by one with each alert: the order in which the server heard of them. Unique. */
  number: number;
  device_id: string;
  source: string;
  title: string;
  /** IOC scan task; '': none. */
  task_id: string;
  /** Isolation that it started, or that was started from it; '': none. */
  isolation_id: string;
  /** Device clock. */
  occurred_at: number;
  received_at: number;
  /** Number of the contract's AlertState. */
  state: number;
  /** DetectionFound without isolation_id, as much as is kept of it. */
  detection_proto: Uint8Array;
  comment_count: number;
  /** Size of the alert with its comments in an answer, about, bytes: pages are cut by it before they are read. */
  bytes: number;
  /** '': open. */
  closed_by: string;
  closed_at: number | null;
  version: Generated<number>;
}

/** What operators wrote about alerts, oldest first by number. */
export interface AlertCommentsTable {
  alert_id: string;
  /** 1 and up within its alert. */
  number: number;
  author: string;
  written_at: number;
  text: string;
}

/** How far the audit log has reached a SIEM. */
export interface EventCursorsTable {
  /** The setting and its value, for example `event_file /var/log/cordon.jsonl`. */
  target: string;
  /** Last record that it has. */
  sequence: number;
  updated_at: number;
}

export interface AuditTable {
  sequence: number;
  occurred_at: number;
  actor: string;
  action: string;
  device_id: string;
  reason: string;
  details_json: string;
  request_id: string;
  previous_hash: Uint8Array;
  hash: Uint8Array;
}

/** Answers to mutations by request_id, for 24 h. */
export interface RequestsTable {
  request_id: string;
  /** Id of the API token, so that one operator cannot read the answer to another. */
  token_id: string;
  /** Full name of the rpc. */
  method: string;
  /** SHA-256 of the request, hex: the same id for another request is refused. */
  request_hash: string;
  response_proto: Uint8Array;
  created_at: number;
}
