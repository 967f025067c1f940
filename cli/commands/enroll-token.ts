import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import {
  CreateEnrollmentTokenRequest,
  CreateEnrollmentTokenResponse,
  DeviceServiceService,
  EnrollmentToken,
  ListEnrollmentTokensRequest,
  ListEnrollmentTokensResponse,
  RevokeEnrollmentTokenRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { fromTimestamp, toDuration } from '../../shared/time.js';
import { parseCount, parseDurationWithin } from '../arguments.js';
import { readPages } from '../pages.js';
import { DEFAULT_AGENT_PORT, formatServerAddress, type ServerAddress } from '../session/server-address.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { time } from '../view/device-rows.js';
import { cell, type Cell } from '../view/table.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

interface CreateFlags {
  readonly uses: number;
  /** Milliseconds. */
  readonly ttl?: number;
  readonly group?: string;
}

/** `cordon enroll-token ...` */
export function addEnrollTokenCommands(program: Command, state: RunState): void {
  const tokens = program.command('enroll-token').description('tokens that make computers devices');

  tokens
    .command('create')
    .description('make a token, and show the command to type on the computer')
    .option('--uses <n>', 'how many computers may use it', parseCount(1, 100_000), 1)
    .option(
      '--ttl <duration>',
      'how long it works (default: 24h)',
      parseDurationWithin(MINUTE_MS, 365 * DAY_MS, 'From 1m to 365d.'),
    )
    .option('--group <group>', 'group of the devices: path, id or root (default: root)')
    .action((flags: CreateFlags, command: Command) =>
      withSession(state, command, (session) => createToken(session, flags)),
    );

  tokens
    .command('list')
    .description('list tokens without their secrets')
    .action((_: unknown, command: Command) => withSession(state, command, listTokens));

  tokens
    .command('revoke')
    .description('make a token unusable; devices that used it stay')
    .argument('<id>', 'id as "list" shows it')
    .action((id: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const request = RevokeEnrollmentTokenRequest.fromPartial({ id, requestId: newId() });
        const response = await api.unary(DeviceServiceService.revokeEnrollmentToken, request);
        printer.print(
          () => ({ kind: 'text', text: `revoked enrolment token ${printable(id)}\n` }),
          () =>
            toProtoJson(
              'EnrollmentToken',
              EnrollmentToken,
              response.enrollmentToken ?? EnrollmentToken.fromPartial({ id }),
            ),
        );
      }),
    );
}

async function createToken(
  { api, printer, settings }: Session,
  { uses, ttl, group }: CreateFlags,
): Promise<void> {
  const request = CreateEnrollmentTokenRequest.fromPartial({
    maxUses: uses,
    ttl: ttl === undefined ? undefined : toDuration(ttl),
    groupId: group ?? '',
    requestId: newId(),
  });
  const response = await api.unary(DeviceServiceService.createEnrollmentToken, request);
  printer.print(
    () => ({ kind: 'text', text: createdText(response, settings.address) }),
    () => toProtoJson('CreateEnrollmentTokenResponse', CreateEnrollmentTokenResponse, response),
  );
}

/** The secret and the command to use it, ready to paste; the secret stays out of the process list. */
function createdText(
  { enrollmentToken, secret, caFingerprint, agentPort }: CreateEnrollmentTokenResponse,
  address: ServerAddress,
): string {
  const server = formatServerAddress(address);
  // Agents find the usual port by themselves.
  const agentServer =
    agentPort === DEFAULT_AGENT_PORT ? undefined : formatServerAddress({ ...address, port: agentPort });
  const agents = agentServer === undefined ? '' : ` --agent-server ${agentServer}`;
  return [
    `Enrolment token ${printable(enrollmentToken?.id ?? '')} for ${enrollmentToken?.maxUses ?? 1} computer(s), until ${time(enrollmentToken?.expiresAt)}.`,
    'It is shown only now. On each computer, as root (the agent enrols the first time, and runs):',
    '',
    `  CORDON_AGENT_ENROLLMENT_TOKEN=${printable(secret)} cordon-agent run --server ${server}${agents} --ca-fingerprint ${printable(caFingerprint)}`,
    '',
    'As a service (on Windows always: "cordon-agent service install"), these lines in its agent.yaml:',
    '',
    `  server: '${server}'`,
    ...(agentServer === undefined ? [] : [`  agent_server: '${agentServer}'`]),
    `  enrollment_token: '${printable(secret)}'`,
    `  ca_fingerprint: '${printable(caFingerprint)}'`,
    '',
  ].join('\n');
}

async function listTokens({ api, printer, io }: Session): Promise<void> {
  const tokens = await readPages(async (pageToken, pageSize) => {
    const request = ListEnrollmentTokensRequest.fromPartial({ pageToken, pageSize });
    const page = await api.unary(DeviceServiceService.listEnrollmentTokens, request);
    return { items: page.enrollmentTokens, nextPageToken: page.nextPageToken };
  });
  printer.print(
    () => ({
      kind: 'table',
      headings: ['ID', 'USES', 'STATE', 'EXPIRES', 'BY', 'CREATED'],
      rows: tokens.map((token) => tokenRow(token, io.clock.wall())),
      empty: 'no enrolment tokens; "cordon enroll-token create" makes one',
    }),
    () =>
      toProtoJson('ListEnrollmentTokensResponse', ListEnrollmentTokensResponse, {
        enrollmentTokens: tokens,
        nextPageToken: '',
      }),
  );
}

function tokenRow(token: EnrollmentToken, now: number): Cell[] {
  return [
    cell(token.id),
    cell(`${token.uses} of ${token.maxUses}`),
    tokenState(token, now),
    cell(time(token.expiresAt)),
    cell(token.createdBy),
    cell(time(token.createdAt)),
  ];
}

function tokenState(token: EnrollmentToken, now: number): Cell {
  if (token.revoked) return cell('revoked', 'bad');
  if (token.expiresAt && fromTimestamp(token.expiresAt) <= now) return cell('expired', 'faint');
  return token.uses >= token.maxUses ? cell('used up', 'faint') : cell('usable', 'good');
}
