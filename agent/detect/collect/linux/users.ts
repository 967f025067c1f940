import type { Collector, CollectRequest, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf } from '../item-of.js';
import { readAccounts, readGroups, readShadow, type Account, type Group } from './accounts.js';
import { lastLogin, readLogins } from './login-records.js';
import type { LinuxSystem } from './system.js';

const DAY_MS = 86_400_000;

/**
 * Local accounts. An account is disabled when its password is locked (`!`, `*`) or its time has run out, whatever other
 * ways in it may have; a password is not required when it is empty. Accounts of directory services are not listed.
 */
export function userCollector(system: LinuxSystem): Collector {
  return collector({
    type: 'UserItem',
    properties: [
      'Username',
      'fullname',
      'description',
      'grouplist/groupname',
      'userid',
      'homedirectory',
      'shell',
      'disabled',
      'passwordrequired',
      'LastLogin',
    ],
    most: 200_000,
    list: (request) => listUsers(system, request),
  });
}

function* listUsers({ files, now }: LinuxSystem, request: CollectRequest): Generator<Item> {
  const attempt = <T>(subject: string, look: () => T, otherwise: T): T => {
    try {
      return look();
    } catch (error) {
      request.problem(subject, (error as Error).message);
      return otherwise;
    }
  };
  const groupsOf = groupNames(attempt('/etc/group', () => readGroups(files), []));
  const shadow = attempt('/etc/shadow', () => readShadow(files), new Map<string, readonly string[]>());
  const logins = new Map(
    attempt('/var/log/wtmp', () => readLogins(files, '/var/log/wtmp'), []).map(({ user, time }) => [
      user,
      time,
    ]),
  );
  for (const account of readAccounts(files)) {
    const { name, uid, comment, home, shell } = account;
    const secret = shadow.get(name);
    const last = attempt('/var/log/lastlog', () => lastLogin(files, uid), undefined);
    const times = [last, logins.get(name)].filter((time) => time !== undefined);
    yield itemOf('UserItem', {
      Username: name,
      fullname: comment.split(',')[0],
      description: comment,
      'grouplist/groupname': groupsOf(account),
      userid: uid,
      homedirectory: home,
      shell,
      disabled: secret && isDisabled(secret, now()),
      passwordrequired: secret && secret[1] !== '',
      LastLogin: times.length === 0 ? undefined : Math.max(...times),
    });
  }
}

function isDisabled([, password = '', , , , , , expires = '']: readonly string[], now: number): boolean {
  return /^[!*]/.test(password) || (/^\d+$/.test(expires) && now >= Number(expires) * DAY_MS);
}

function groupNames(groups: readonly Group[]): (account: Account) => string[] {
  const own = new Map(groups.map(({ gid, name }) => [gid, name]));
  const joined = new Map<string, string[]>();
  for (const { name, members } of groups) {
    for (const member of members) joined.set(member, [...(joined.get(member) ?? []), name]);
  }
  return ({ name, gid }) => {
    const first = own.get(gid);
    return [...(first === undefined ? [] : [first]), ...(joined.get(name) ?? [])];
  };
}
