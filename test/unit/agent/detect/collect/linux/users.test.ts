import { userInfo } from 'node:os';
import { expect } from 'chai';
import { userCollector } from '../../../../../../agent/detect/collect/linux/users.js';
import { linuxSystem } from '../../../../../../agent/detect/collect/linux/system.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../term-check.js';
import { temporaryRoot } from './temporary-root.js';

const DAY = 86_400_000;

/** Records as login(1) writes them: `struct lastlog` of user 4711, and `struct utmp`. */
function lastlog(uid: number, seconds: number): Buffer {
  const bytes = Buffer.alloc((uid + 1) * 292);
  bytes.writeUInt32LE(seconds, uid * 292);
  return bytes;
}

function utmp(type: number, user: string, seconds: number): Buffer {
  const bytes = Buffer.alloc(384);
  bytes.writeInt16LE(type, 0);
  bytes.write(user, 44);
  bytes.writeUInt32LE(seconds, 340);
  return bytes;
}

(process.platform === 'linux' ? describe : describe.skip)('accounts of Linux', () => {
  const root = temporaryRoot();

  before(() => {
    // The line of /etc/passwd is what `useradd -c "Test Person,Room 1" -s /bin/sh -u 4711 prober` made.
    root.write(
      'etc/passwd',
      [
        'root:x:0:0:root:/root:/bin/bash',
        'prober:x:4711:100:Test Person,Room 1:/home/prober:/bin/sh',
        'locked:x:4712:100::/home/locked:/bin/sh',
        'old:x:4713:100::/home/old:/bin/sh',
        '+nis::::::',
        '',
      ].join('\n'),
    );
    root.write('etc/group', 'root:x:0:\nusers:x:100:\nwheel:x:10:root,prober\n');
    root.write(
      'etc/shadow',
      'root:$y$j9T$x:19000:0:99999:7:::\nprober::19000:0:99999:7:::\nlocked:!:19000:0:99999:7:::\nold:$y$x:19000:0:99999:7::20000:\n',
    );
    root.write('var/log/lastlog', lastlog(4711, 1_700_000_000));
  });

  after(() => root.remove());

  const collector = (now = 19_500 * DAY) => userCollector(root.system({ now: () => now }));

  itTellsEveryTerm(collector(), async () => ({
    item: itemWith(await collectAll(collector()), 'UserItem/Username', 'prober'),
    known: {
      Username: 'prober',
      fullname: 'Test Person',
      description: 'Test Person,Room 1',
      'grouplist/groupname': 'wheel',
      userid: 4711,
      homedirectory: '/home/prober',
      shell: '/bin/sh',
      disabled: false,
      passwordrequired: false,
      LastLogin: 1_700_000_000_000,
    },
  }));

  it('of this computer have the one that runs this test', async () => {
    const { username, uid, homedir, shell } = userInfo();
    const item = itemWith(await collectAll(userCollector(linuxSystem())), 'UserItem/userid', uid);
    expect(item.values.get('UserItem/Username')).to.deep.equal([username]);
    expect(item.values.get('UserItem/homedirectory')).to.deep.equal([homedir]);
    expect(item.values.get('UserItem/shell')).to.deep.equal([shell]);
  });

  it('are disabled when their password is locked or their time has run out', async () => {
    const disabled = async (name: string, now?: number): Promise<unknown> =>
      itemWith(await collectAll(collector(now)), 'UserItem/Username', name).values.get('UserItem/disabled');
    expect(await disabled('locked')).to.deep.equal([true]);
    expect(await disabled('root')).to.deep.equal([false]);
    expect(await disabled('old', 20_000 * DAY - 1)).to.deep.equal([false]);
    expect(await disabled('old', 20_000 * DAY)).to.deep.equal([true]);
  });

  it('were logged in when wtmp says so, if that is later', async () => {
    root.write(
      'var/log/wtmp',
      Buffer.concat([
        utmp(7, 'prober', 1_600_000_000),
        utmp(7, 'root', 1_650_000_000),
        utmp(2, 'root', 1_690_000_000),
      ]),
    );
    const login = async (name: string): Promise<unknown> =>
      itemWith(await collectAll(collector()), 'UserItem/Username', name).values.get('UserItem/LastLogin');
    expect(await login('prober')).to.deep.equal([1_700_000_000_000]);
    expect(await login('root')).to.deep.equal([1_650_000_000_000]);
    expect(await login('locked')).to.equal(undefined);
  });

  it('say nothing of passwords where those cannot be read, and that is reported', async () => {
    const files = root.system().files;
    const blind = root.system({
      files: {
        ...files,
        read: (path, limit) => {
          if (path === '/etc/shadow') throw new Error('EACCES: permission denied');
          return files.read(path, limit);
        },
      },
    });
    const collected = await collectAll(userCollector(blind));
    expect(collected.problems).to.deep.equal(['/etc/shadow: EACCES: permission denied']);
    const item = itemWith(collected, 'UserItem/Username', 'prober');
    expect(item.values.has('UserItem/disabled')).to.equal(false);
    expect(item.values.has('UserItem/passwordrequired')).to.equal(false);
  });
});
