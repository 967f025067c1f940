import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { Group } from '../../shared/gen/cordon/v1/group.js';
import {
  CreateGroupRequest,
  DeleteGroupRequest,
  GroupServiceService,
  ListGroupsRequest,
  ListGroupsResponse,
  UpdateGroupRequest,
} from '../../shared/gen/cordon/v1/group_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import type { Api } from '../client.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { readPolicies } from '../settings/policies.js';
import { readTasks } from '../settings/tasks.js';
import { cell } from '../view/table.js';

const NAMED = 'path, id or root';

/** `cordon group ...` */
export function addGroupCommands(program: Command, state: RunState): void {
  const groups = program
    .command('group')
    .description('the tree of groups')
    .addHelpText(
      'after',
      '\nGroups are named by their path below the root, or their id.\nExamples:\n  cordon group create "OT/line 1"\n  cordon group move "OT/line 1" --to plant\n  cordon devices move laptop-17 --to "OT/line 1"',
    );

  groups
    .command('list')
    .description('list groups by path')
    .action((_: unknown, command: Command) => withSession(state, command, listGroups));

  groups
    .command('tree')
    .description('show the tree with the policies and tasks of its groups')
    .action((_: unknown, command: Command) => withSession(state, command, showTree));

  groups
    .command('create')
    .description('make a group; the group above it has to be there')
    .argument('<path>', 'for example "OT/line 1"')
    .action((path: string, _: unknown, command: Command) =>
      withSession(state, command, async (session) => {
        const cut = path.lastIndexOf('/');
        const group = { displayName: path.slice(cut + 1), parentId: cut < 0 ? 'root' : path.slice(0, cut) };
        const request = CreateGroupRequest.fromPartial({ group, requestId: newId() });
        const made = await session.api.unary(GroupServiceService.createGroup, request);
        printGroup(session, 'made', made.group);
      }),
    );

  groups
    .command('rename')
    .description('give a group another name at the same place')
    .argument('<group>', NAMED)
    .argument('<name>', 'new name, without /')
    .action((id: string, displayName: string, _: unknown, command: Command) =>
      withSession(state, command, (session) =>
        update(session, 'renamed', { id, displayName }, 'display_name'),
      ),
    );

  groups
    .command('move')
    .description('put a group with everything in it below another one; devices follow its policies and tasks')
    .argument('<group>', NAMED)
    .requiredOption('--to <group>', `new group above it: ${NAMED}`)
    .action((id: string, { to }: { to: string }, command: Command) =>
      withSession(state, command, (session) => update(session, 'moved', { id, parentId: to }, 'parent_id')),
    );

  groups
    .command('delete')
    .description('remove a group that holds nothing')
    .argument('<group>', NAMED)
    .action((id: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const request = DeleteGroupRequest.fromPartial({ id, requestId: newId() });
        await api.unary(GroupServiceService.deleteGroup, request);
        printer.print(
          () => ({ kind: 'text', text: `deleted group ${printable(id)}\n` }),
          () => ({}),
        );
      }),
    );
}

/** Every group, the root first. */
export function readGroups(api: Api): Promise<Group[]> {
  return readPages(async (pageToken, pageSize) => {
    const request = ListGroupsRequest.fromPartial({ pageToken, pageSize });
    const { groups, nextPageToken } = await api.unary(GroupServiceService.listGroups, request);
    return { items: groups, nextPageToken };
  });
}

async function update(session: Session, verb: string, group: Partial<Group>, field: string): Promise<void> {
  const request = UpdateGroupRequest.fromPartial({ group, updateMask: [field], requestId: newId() });
  const after = await session.api.unary(GroupServiceService.updateGroup, request);
  printGroup(session, verb, after.group);
}

function printGroup({ printer }: Session, verb: string, group = Group.fromPartial({})): void {
  printer.print(
    () => ({ kind: 'text', text: `${verb} group ${printable(group.path || 'root')}\n` }),
    () => toProtoJson('Group', Group, group),
  );
}

async function listGroups({ api, printer }: Session): Promise<void> {
  const groups = await readGroups(api);
  printer.print(
    () => ({
      kind: 'table',
      headings: ['GROUP', 'ID'],
      rows: groups.map((group) => [cell(group.path || 'root'), cell(group.id, 'faint')]),
      empty: 'no groups',
    }),
    () => toProtoJson('ListGroupsResponse', ListGroupsResponse, { groups, nextPageToken: '' }),
  );
}

async function showTree({ api, printer }: Session): Promise<void> {
  const groups = await readGroups(api);
  if (printer.format !== 'table') {
    printer.print(
      () => ({ kind: 'text', text: '' }),
      () => toProtoJson('ListGroupsResponse', ListGroupsResponse, { groups, nextPageToken: '' }),
    );
    return;
  }
  const [policies, tasks] = await Promise.all([readPolicies(api), readTasks(api)]);
  const policyOf = new Map(policies.map((policy) => [policy.groupId || 'root', policy.displayName]));
  const withTask = new Set(
    tasks.flatMap(({ scope }) => (scope?.target?.$case === 'groupId' ? [scope.target.value || 'root'] : [])),
  );
  printer.print(
    () => ({
      kind: 'table',
      headings: ['GROUP', 'POLICY', 'TASK'],
      rows: treeOrder(groups).map(({ group, depth }) => [
        cell(`${'  '.repeat(depth)}${group.displayName}`),
        cell(policyOf.get(group.id) ?? '-'),
        cell(withTask.has(group.id) ? 'yes' : '-'),
      ]),
      empty: 'no groups',
    }),
    () => ({}),
  );
}

/** Groups as a tree is read: each one above what is below it, siblings by name. */
export function treeOrder(groups: readonly Group[]): { readonly group: Group; readonly depth: number }[] {
  const below = new Map<string, Group[]>();
  for (const group of groups) below.set(group.parentId, [...(below.get(group.parentId) ?? []), group]);
  const ordered: { group: Group; depth: number }[] = [];
  const visit = (group: Group, depth: number): void => {
    ordered.push({ group, depth });
    const inside = below.get(group.id) ?? [];
    for (const one of inside.sort((a, b) => a.displayName.localeCompare(b.displayName)))
      visit(one, depth + 1);
  };
  for (const top of below.get('') ?? []) visit(top, 0);
  return ordered;
}
