import { computerName, sidOf } from '../../../windows/logon.js';
import { sidText } from '../../../windows/sid.js';
import { tokenCalls } from '../../../windows/token-calls.js';
import type { Collector, CollectRequest } from '../../item.js';
import { collector, type Asks } from '../collector.js';
import { itemOf } from '../item-of.js';
import { CONSTANTS } from './layout.js';
import { notHere, orNotHere, reasonOf } from './not-here.js';
import { userCalls, type ListedUser } from './user-list.js';

/** What a Windows that lists users without their third level does not tell. */
const OF_LEVEL_3 = ['LastLogin', 'homedirectory', 'scriptpath'];

/** Accounts of this computer; on a domain controller those of its domain. */
export function userCollector(): Collector {
  return collector({
    type: 'UserItem',
    properties: [
      'Username',
      'fullname',
      'description',
      'grouplist/groupname',
      'SecurityID',
      'SecurityType',
      'homedirectory',
      'scriptpath',
      'userid',
      'LastLogin',
      'disabled',
      'lockedout',
      'passwordrequired',
    ],
    most: 100_000,
    list: async function* (request, asks) {
      const calls = await orNotHere(userCalls());
      const { complete, users } = await orNotHere(calls.list());
      if (!complete) tellMissing(request, asks);
      for (const user of users) {
        const told = async <T>(what: string, work: Promise<T>): Promise<T | undefined> => {
          try {
            return await work;
          } catch (error) {
            request.problem(`user ${user.name}`, `${what}: ${reasonOf(error)}`);
            return undefined;
          }
        };
        const wantsSid = ['SecurityID', 'SecurityType', 'userid'].some(asks);
        const sid = wantsSid ? await told('SID', sidOfUser(user.name)) : undefined;
        const groups = asks('grouplist') ? await told('groups', calls.groups(user.name)) : undefined;
        yield itemOf('UserItem', {
          ...ofUser(user),
          'grouplist/groupname': groups,
          SecurityID: sid,
          SecurityType: sid && 'SidTypeUser',
          // The number that the account has within its computer or domain.
          userid: sid === undefined ? undefined : Number(sid.slice(sid.lastIndexOf('-') + 1)),
        });
      }
    },
  });
}

function tellMissing({ problem }: CollectRequest, asks: Asks): void {
  for (const property of OF_LEVEL_3.filter(asks)) {
    problem(`UserItem/${property}`, notHere('this Windows lists its users without it').message);
  }
}

function ofUser({ name, fullName, comment, flags, home, script, lastLogon }: ListedUser) {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return {
    Username: name,
    fullname: fullName,
    description: comment,
    homedirectory: home,
    scriptpath: script,
    LastLogin: lastLogon,
    disabled: has(CONSTANTS.UF_ACCOUNTDISABLE),
    lockedout: has(CONSTANTS.UF_LOCKOUT),
    passwordrequired: !has(CONSTANTS.UF_PASSWD_NOTREQD),
  };
}

async function sidOfUser(name: string): Promise<string> {
  const calls = await tokenCalls();
  return sidText(sidOf(calls, `${computerName(calls)}\\${name}`));
}
