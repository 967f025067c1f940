import type { Reader } from '../store/store.js';

/** What a group holds, for people: `2 devices`. Empty: it can be removed. */
export async function groupUses(db: Reader, groupId: string, now: number): Promise<string[]> {
  const count = db.fn.countAll<number>().as('count');
  const devices = await db
    .selectFrom('devices')
    .select(count)
    .where('group_id', '=', groupId)
    .executeTakeFirstOrThrow();
  const groups = await db
    .selectFrom('groups')
    .select(count)
    .where('parent_id', '=', groupId)
    .executeTakeFirstOrThrow();
  const policy = await db
    .selectFrom('policies')
    .select('name')
    .where('group_id', '=', groupId)
    .executeTakeFirst();
  const task = await db
    .selectFrom('isolation_tasks')
    .select('id')
    .where('scope_kind', '=', 'group')
    .where('scope_id', '=', groupId)
    .executeTakeFirst();
  const scans = await db
    .selectFrom('ioc_scan_tasks')
    .select('name')
    .where('scope_kind', 'in', ['group', 'filter'])
    .where('scope_id', '=', groupId)
    .executeTakeFirst();
  const tokens = await db
    .selectFrom('enrollment_tokens')
    .select(count)
    .where('group_id', '=', groupId)
    .where('revoked', '=', 0)
    .where('expires_at', '>', now)
    .whereRef('uses', '<', 'max_uses')
    .executeTakeFirstOrThrow();
  return [
    ...counted(Number(devices.count), 'device'),
    ...counted(Number(groups.count), 'group'),
    ...(policy ? [`the policy "${policy.name}"`] : []),
    ...(task ? ['a network-isolation task'] : []),
    ...(scans ? [`the IOC scan task "${scans.name}"`] : []),
    ...counted(Number(tokens.count), 'usable enrolment token'),
  ];
}

function counted(count: number, what: string): string[] {
  if (count === 0) return [];
  return [`${count} ${what}${count === 1 ? '' : 's'}`];
}
