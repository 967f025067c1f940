import { Option, type Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import {
  ApiToken,
  CreateApiTokenRequest,
  CreateApiTokenResponse,
  ListApiTokensRequest,
  ListApiTokensResponse,
  OperatorServiceService,
  RevokeApiTokenRequest,
  Role,
  roleToJSON,
} from '../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { fromTimestamp, toDuration } from '../../shared/time.js';
import { parseDurationWithin } from '../arguments.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { time, word } from '../view/device-rows.js';
import { cell, type Cell } from '../view/table.js';

const ROLES = {
  viewer: Role.ROLE_VIEWER,
  operator: Role.ROLE_OPERATOR,
  administrator: Role.ROLE_ADMINISTRATOR,
} as const;

interface CreateFlags {
  readonly name: string;
  readonly role: keyof typeof ROLES;
  /** Milliseconds. */
  readonly ttl?: number;
}

/** `cordon token ...` */
export function addTokenCommands(program: Command, state: RunState): void {
  const tokens = program.command('token').description('API tokens of operators and programs');

  tokens
    .command('create')
    .description('make an API token')
    .requiredOption('--name <operator>', 'whom it stands for; audit records show it')
    .addOption(
      new Option('--role <role>', 'what it may do').choices(Object.keys(ROLES)).makeOptionMandatory(),
    )
    .option(
      '--ttl <duration>',
      'how long it works (default: no end)',
      parseDurationWithin(60_000, 3650 * 86_400_000, 'From 1m to 3650d.'),
    )
    .action((flags: CreateFlags, command: Command) =>
      withSession(state, command, (session) => createToken(session, flags)),
    );

  tokens
    .command('list')
    .description('list API tokens without their secrets')
    .action((_: unknown, command: Command) => withSession(state, command, listTokens));

  tokens
    .command('revoke')
    .description('make an API token unusable')
    .argument('<id>', 'id as "list" shows it')
    .action((id: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const request = RevokeApiTokenRequest.fromPartial({ id, requestId: newId() });
        const response = await api.unary(OperatorServiceService.revokeApiToken, request);
        printer.print(
          () => ({ kind: 'text', text: `revoked API token ${printable(id)}\n` }),
          () => toProtoJson('ApiToken', ApiToken, response.apiToken ?? ApiToken.fromPartial({ id })),
        );
      }),
    );
}

async function createToken({ api, printer }: Session, { name, role, ttl }: CreateFlags): Promise<void> {
  const request = CreateApiTokenRequest.fromPartial({
    operatorName: name,
    role: ROLES[role],
    ttl: ttl === undefined ? undefined : toDuration(ttl),
    requestId: newId(),
  });
  const response = await api.unary(OperatorServiceService.createApiToken, request);
  printer.print(
    () => ({
      kind: 'text',
      text: `API token for ${printable(name)} (${role}), id ${printable(response.apiToken?.id ?? '')}. It is shown only now:\n\n  ${printable(response.secret)}\n\n`,
    }),
    () => toProtoJson('CreateApiTokenResponse', CreateApiTokenResponse, response),
  );
}

async function listTokens({ api, printer, io }: Session): Promise<void> {
  const apiTokens = await readPages(async (pageToken, pageSize) => {
    const request = ListApiTokensRequest.fromPartial({ pageToken, pageSize });
    const page = await api.unary(OperatorServiceService.listApiTokens, request);
    return { items: page.apiTokens, nextPageToken: page.nextPageToken };
  });
  printer.print(
    () => ({
      kind: 'table',
      headings: ['ID', 'OPERATOR', 'ROLE', 'STATE', 'EXPIRES', 'CREATED'],
      rows: apiTokens.map((token) => tokenRow(token, io.clock.wall())),
      empty: 'no API tokens',
    }),
    () => toProtoJson('ListApiTokensResponse', ListApiTokensResponse, { apiTokens, nextPageToken: '' }),
  );
}

function tokenRow(token: ApiToken, now: number): Cell[] {
  return [
    cell(token.id),
    cell(token.operatorName),
    cell(word(roleToJSON(token.role), 'ROLE_')),
    tokenState(token, now),
    cell(token.expiresAt ? time(token.expiresAt) : 'never'),
    cell(time(token.createdAt)),
  ];
}

function tokenState(token: ApiToken, now: number): Cell {
  if (token.revoked) return cell('revoked', 'bad');
  if (token.expiresAt && fromTimestamp(token.expiresAt) <= now) return cell('expired', 'faint');
  return cell('usable', 'good');
}
