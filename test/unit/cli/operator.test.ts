import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import type { Terminal } from '../../../cli/io.js';
import { verifyPassword } from '../../../shared/password-hash.js';
import { callCordon, type Ended } from '../../fakes/call-cordon.js';
import { RealAgent } from '../../fault/real-agent.js';
import { RealServer } from '../../fault/real-server.js';

/** A terminal on which somebody gives these answers, and that remembers the questions. */
class Answers implements Terminal {
  readonly questions: string[] = [];

  constructor(private readonly answers: (string | undefined)[]) {}

  ask(question: string): Promise<string | undefined> {
    this.questions.push(question);
    return Promise.resolve(this.answers.shift());
  }

  askHidden(question: string): Promise<string | undefined> {
    return this.ask(question);
  }
}

/** Groups, policies, tasks, exclusions and orders by filter, with the real server and agents that block nothing. */
describe('an operator with cordon', function () {
  this.timeout(30_000);
  let server: RealServer;
  let folder: string;
  const agents: RealAgent[] = [];

  before(async () => {
    server = await RealServer.open();
    folder = mkdtempSync(join(tmpdir(), 'cordon-operator-'));
    const client = server.connect();
    for (const name of ['press', 'mixer', 'laptop']) {
      const agent = await RealAgent.enrol(client, server);
      agents.push(agent);
      await done(`devices rename ${agent.id} ${name}`);
    }
    client.close();
    await done('group create OT');
    await typed('group', 'create', 'OT/line 1');
    await typed('devices', 'move', 'press', 'mixer', '--to', 'OT/line 1');
    await done('devices tag press mixer --add critical --add site=b');
  });

  after(async () => {
    for (const agent of agents) await agent.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const call = (words: readonly string[], stdin = '', terminal?: Terminal): Promise<Ended> =>
    callCordon(words, server.operatorEnvironment(), stdin, terminal);

  /** Runs it and expects success; what it printed. */
  async function typed(...words: string[]): Promise<string> {
    const ended = await call(words);
    expect(ended.stderr, words.join(' ')).to.equal('');
    expect(ended.code, words.join(' ')).to.equal(0);
    return ended.stdout;
  }
  const done = (line: string): Promise<string> => typed(...line.split(' '));

  async function refused(
    code: number,
    words: readonly string[],
    ...parts: (string | RegExp)[]
  ): Promise<void> {
    const ended = await call(words);
    expect(ended.stderr).to.match(/cordon: [^\n]+; [^\n]+\n$/);
    for (const part of parts) expect(ended.stderr).to.match(new RegExp(part));
    expect(ended.code, ended.stderr).to.equal(code);
  }

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  describe('groups', () => {
    it('makes, renames, moves and deletes them, and sees the tree', async () => {
      await done('group create lab');
      await done('group create lab/bench');
      expect(await done('group rename lab/bench desk')).to.equal('renamed group lab/desk\n');
      expect(await done('group move lab/desk --to OT')).to.equal('moved group OT/desk\n');
      expect(await done('group tree')).to.match(
        /^GROUP .*\nroot .*\n {2}lab .*\n {2}OT .*\n {4}desk .*\n {4}line 1 /,
      );
      expect(await done('group delete OT/desk')).to.equal('deleted group OT/desk\n');
      await done('group delete lab');
    });

    it('is told why a group cannot be deleted, moved or made', async () => {
      await refused(1, ['group', 'delete', 'OT/line 1'], 'move or remove what it holds');
      await refused(2, ['group', 'move', 'OT', '--to', 'OT/line 1'], 'parent_id');
      await refused(1, ['group', 'create', 'OT/line 1'], 'take another name');
      await refused(1, ['group', 'create', 'nowhere/x'], 'nowhere');
    });
  });

  describe('devices', () => {
    it('finds them by group, tag, name and connection', async () => {
      const names = async (...flags: string[]): Promise<string[]> => {
        const list = JSON.parse(await typed('devices', 'list', '-o', 'json', ...flags)) as {
          devices: { name: string }[];
        };
        return list.devices.map(({ name }) => name);
      };
      expect(await names('--group', 'OT')).to.deep.equal(['mixer', 'press']);
      expect(await names('--tag', 'critical', '--name', 'm*')).to.deep.equal(['mixer']);
      expect(await names('--os', 'linux', '--online')).to.deep.equal(['laptop', 'mixer', 'press']);
      expect(await names('--offline')).to.deep.equal([]);
      expect(await done('devices list --tag nothing')).to.equal('no device fits\n');
    });

    it('shows group and tags, and takes tags away again', async () => {
      expect(await done('devices show press')).to.match(/Group +OT\/line 1\n.*Tags +critical, site=b/);
      expect(await done('devices tag press --remove site=b')).to.equal('tags of press: critical\n');
    });
  });

  describe('policies', () => {
    before(() => typed('policy', 'create', 'plant', '--group', 'OT/line 1', '--automatic-isolation', 'on'));

    it('sets single settings and sees them, with the group and why it applies', async () => {
      await typed(
        'policy',
        'set',
        'plant',
        '--server-loss-release-after',
        '24h',
        '--trusted-detector',
        'edr',
      );
      await typed('policy', 'set', 'plant', '--release-delay', '0', '--notification-text', 'Call 4711.');
      const shown = await done('policy show plant');
      expect(shown)
        .to.match(/Group +OT\/line 1\n/)
        .and.to.match(/Release delay +none: until released/);
      expect(shown)
        .to.match(/server is lost +release after 24h/)
        .and.to.match(/detectors +ioc-scan, edr/);
      expect(shown).to.match(
        /DNS queries \(UDP\) +in force +outbound +udp +any +port 53 +any +dns-client v\d/,
      );
      const effective = await done('policy effective press');
      expect(effective).to.match(/^.*plant.*OT\/line 1.*\n/);
      expect(await done('policy effective laptop')).to.match(/no policy/i);
    });

    it('exports a policy, deletes it, applies the file, and has the same again', async () => {
      await typed(
        'exclusion',
        'add',
        'jump: "host"',
        '--policy',
        'plant',
        '--direction',
        'in',
        '--protocol',
        'tcp',
        '--local-port',
        '22,8000-8010',
        '--remote-address',
        '10.0.0.5,10.1.0.0/24,fd00::1-fd00::9',
        '--description',
        'a # b',
      );
      await typed(
        'exclusion',
        'add',
        'clock',
        '--policy',
        'plant',
        '--protocol',
        'udp',
        '--remote-port',
        '123',
        '--unit',
        'chrony.service',
        '--remote-host',
        'localhost',
      );
      for (const format of ['yaml', 'json']) {
        const text = await done(`policy export plant -o ${format}`);
        const path = file(`plant.${format}`, text);
        expect(await done(`policy apply -f ${path}`)).to.equal(
          'no changes: policy plant is as the file says\n',
        );
        await done('policy delete plant');
        expect(await done(`policy apply --yes -f ${path}`)).to.match(
          /^policy plant \(new\):\n[^]*made policy plant\n$/,
        );
        expect(await done(`policy export plant -o ${format}`)).to.equal(text);
      }
    });

    it('sees the changes of a file before they are made, and can say no', async () => {
      const path = file(
        'change.yaml',
        'policy: { name: plant, release_delay: 2h, exclusions: [{ profile: dns-client }] }',
      );
      const no = new Answers(['n']);
      const ended = await call(['policy', 'apply', '-f', path], '', no);
      expect(ended.code).to.equal(1);
      expect(ended.stdout)
        .to.match(/ {2}~ release_delay: 0 → 2h\n/)
        .and.to.match(/ {2}- exclusion "clock": /);
      expect(ended.stdout).to.contain('2 devices follow');
      expect(ended.stderr).to.contain('nothing was changed');
      expect(no.questions).to.deep.equal(['Change it? [y/N] ']);
      expect(await done(`policy apply --dry-run -f ${path}`)).to.contain(
        'nothing is changed; 2 devices follow',
      );
      await refused(2, ['policy', 'apply', '-f', path], 'no terminal', '--yes');
      expect(await done('policy show plant')).to.contain('clock');

      const yes = await call(['policy', 'apply', '-f', path], '', new Answers(['y']));
      expect(yes.stdout).to.match(/changed policy plant\n$/);
      expect(await done('policy show plant'))
        .to.contain('dns-client')
        .and.not.to.contain('clock');
    });

    it('does not overwrite what somebody changed between the question and the answer', async () => {
      const meanwhile: Terminal = {
        ask: async () => {
          await typed('policy', 'set', 'plant', '--notification-text', 'Call 4712.');
          return 'y';
        },
        askHidden: () => Promise.resolve(undefined),
      };
      const text = 'policy: { name: plant, notification_text: Call 4713. }';
      const ended = await call(['policy', 'apply', '-f', file('race.yaml', text)], '', meanwhile);
      expect(ended.stderr).to.contain('somebody changed it meanwhile');
      expect(ended.code).to.equal(1);
      expect(await done('policy show plant')).to.contain('Call 4712.');
    });

    it('reads a file from standard input and tells programs what changed', async () => {
      const text = 'policy: { name: plant, release_delay: 3h }';
      const ended = await call(['policy', 'apply', '-f', '-', '--yes', '-o', 'json'], text);
      expect(JSON.parse(ended.stdout)).to.deep.include({
        changed: true,
        created: false,
        dryRun: false,
        changes: ['~ release_delay: 2h → 3h'],
        affectedDevices: 2,
      });
      const again = await call(['policy', 'apply', '-f', '-', '--yes', '-o', 'json'], text);
      expect(JSON.parse(again.stdout)).to.deep.include({ changed: false, changes: [] });
    });

    it('is told what the server finds wrong with a file, and loses nothing', async () => {
      const path = file(
        'bad.yaml',
        'policy: { name: plant, exclusions: [{ name: x, remote_host: no-such-host.invalid }] }',
      );
      await refused(2, ['policy', 'apply', '--yes', '-f', path], 'remote_host', 'resolve');
      expect(await done('policy show plant')).to.contain('dns-client');
      const taken = await call(['policy', 'apply', '--yes', '--allow-unresolved-hosts', '-f', path]);
      expect(taken.stdout).to.match(/changed policy plant\n$/);
      await refused(
        2,
        ['policy', 'apply', '--yes', '-f', file('new.yaml', 'policy: { name: other }')],
        'policy.group',
      );
    });

    it('sets a password of which only a hash leaves the computer', async () => {
      const hash = async (): Promise<string> =>
        (parse(await done('policy export plant')) as { policy: { local_release: { password_hash: string } } })
          .policy.local_release.password_hash;
      const terminal = new Answers(['open sesame', 'open sesame']);
      expect((await call(['policy', 'set-password', 'plant'], '', terminal)).code).to.equal(0);
      expect(await verifyPassword('open sesame', await hash())).to.equal(true);
      const before = await hash();
      const differing = await call(['policy', 'set-password', 'plant'], '', new Answers(['a', 'b']));
      expect(differing.stderr).to.contain('differ');
      expect(await hash()).to.equal(before);
      expect((await call(['policy', 'set-password', 'plant', '--stdin'], 'other\n')).code).to.equal(0);
      expect(await verifyPassword('other', await hash())).to.equal(true);
      await refused(2, ['policy', 'set-password', 'plant'], 'no terminal', '--stdin');
      expect(await done('policy show plant')).to.match(/at the device .*with the password of the policy/);
      await done('policy set-password plant --remove');
      expect(await hash()).to.equal('');
    });
  });

  describe('tasks', () => {
    it('makes one for a device with what applied until then, and changes only what was asked for', async () => {
      await typed('task', 'set', '--group', 'OT', '--notification-text', 'Do not panic.');
      await typed(
        'exclusion',
        'add',
        'historian',
        '--task-group',
        'OT',
        '--protocol',
        'tcp',
        '--remote-port',
        '1433',
      );
      const made = await done('task set --device press --release-delay 2h');
      expect(made).to.match(/^made task of device press; 1 device follows\n/);
      const shown = await done('task show --device press');
      expect(shown)
        .to.match(/Release delay +2h/)
        .and.to.contain('Do not panic.')
        .and.to.contain('historian');
      expect(await done('task effective press')).to.match(/^.*press.*\n/);
      expect(await done('task effective mixer'))
        .to.match(/^.*OT.*\n/)
        .and.to.contain('historian');
      expect(await done('task list'))
        .to.match(/device +press +2h/)
        .and.to.match(/group +OT +8h/);
    });

    it('exports, deletes, applies and has the same again', async () => {
      for (const flags of [
        ['--device', 'press'],
        ['--group', 'OT'],
      ]) {
        const text = await typed('task', 'export', ...flags);
        const path = file('task.yaml', text);
        expect(await done(`task apply -f ${path}`)).to.match(/^no changes: task of (device press|group OT) /);
        await typed('task', 'delete', ...flags);
        await done(`task apply --yes -f ${path}`);
        expect(await typed('task', 'export', ...flags)).to.equal(text);
      }
    });

    it('is told that a device has no task of its own', async () => {
      await refused(1, ['task', 'show', '--device', 'laptop'], 'no task of its own', 'task effective laptop');
      await refused(1, ['task', 'set', '--device', 'nobody', '--release-delay', '1h'], 'nobody');
    });
  });

  describe('exclusions', () => {
    const list = async (): Promise<string> => done('exclusion list --task-device laptop');

    it('adds, edits, disables, enables and removes them by name', async () => {
      await done('exclusion add ssh --task-device laptop --direction in --protocol tcp --local-port 22');
      expect(await list()).to.match(/ssh +in force +inbound +tcp +port 22 +any +any +custom/);
      await done('exclusion edit ssh --task-device laptop --remote-address 10.0.0.0/8 --rename jump');
      expect(await list()).to.match(/jump +in force +inbound +tcp +port 22 +10.0.0.0\/8 +any/);
      await done('exclusion disable jump --task-device laptop');
      expect(await list()).to.match(/jump +disabled/);
      await done('exclusion enable jump --task-device laptop');
      await done(
        'exclusion edit jump --task-device laptop --remote-address any --local-port any --protocol any',
      );
      expect(await list()).to.match(/jump +in force +inbound +any +any +any/);
      await done('exclusion remove jump --task-device laptop');
      expect(await list()).not.to.contain('jump');
    });

    it('adds a profile, and an edited rule of it becomes custom', async () => {
      await done('exclusion add-profile ssh-server --task-device laptop');
      const [, name = ''] = /^(.*?) {2,}.*ssh-server v\d+$/m.exec(await list()) ?? [];
      await refused(
        1,
        ['exclusion', 'add-profile', 'ssh-server', '--task-device', 'laptop'],
        'in the list already',
      );
      await refused(
        1,
        ['exclusion', 'update-profile', 'ssh-server', '--task-device', 'laptop'],
        'no older rules',
      );
      await typed('exclusion', 'edit', name, '--task-device', 'laptop', '--remote-address', '10.0.0.0/8');
      expect(await list()).not.to.contain('ssh-server');
      await typed('exclusion', 'remove', name, '--task-device', 'laptop');
    });

    it('loses nothing when two people change a list at the same time', async () => {
      await Promise.all(
        ['a', 'b'].map((name) =>
          done(`exclusion add ${name} --task-device laptop --protocol udp --remote-port 9`),
        ),
      );
      expect(await list())
        .to.match(/^a /m)
        .and.to.match(/^b /m);
      await done('exclusion remove a b --task-device laptop');
    });

    it('is shown hints about what was added', async () => {
      const added = await done(
        'exclusion add again --task-device laptop --direction out --protocol udp --remote-port 53',
      );
      expect(added).to.match(/hint: "(again|DNS queries \(UDP\))" is redundant/);
      await done('exclusion remove again --task-device laptop');
    });

    it('is told which name is wrong', async () => {
      await refused(
        1,
        ['exclusion', 'remove', 'nothing', '--task-device', 'laptop'],
        'no exclusion "nothing"',
        'list',
      );
      await refused(
        2,
        ['exclusion', 'add-profile', 'nothing', '--task-device', 'laptop'],
        'no profile "nothing"',
      );
    });
  });

  describe('orders for many devices', () => {
    it('shows how many and which first, and does nothing without a yes', async () => {
      const order = ['isolate', '--group', 'OT', '--reason', 'drill'];
      expect(await typed(...order, '--dry-run')).to.equal(
        'nothing is changed; would isolate 2 devices: mixer, press\n',
      );
      const no = await call(order, '', new Answers(['']));
      expect(no.stderr)
        .to.match(/^isolate 2 devices: mixer, press\n/)
        .and.to.contain('nothing was changed');
      await refused(2, order, 'no terminal', '--yes');
      expect(await done('isolations list --active')).to.equal('no isolations\n');
    });

    it('isolates and releases those that a filter names, and waits for all of them', async () => {
      const isolate = await call([
        'isolate',
        '--group',
        'OT',
        '--tag',
        'critical',
        '--reason',
        'drill',
        '--for',
        '2h',
        '--wait',
        '--yes',
      ]);
      // The agents of this test block nothing, and are never taken for isolated.
      expect(isolate.stderr)
        .to.match(/mixer: FAILED: .*simulation/)
        .and.to.match(/press: FAILED: .*simulation/);
      expect(isolate.code).to.equal(1);
      const list = await done('isolations list --active --device press');
      expect(list).to.match(/press +manual .* active +(2h|1h59m)/);
      const [id = ''] = /[0-9a-f-]{36}/.exec(list) ?? [];
      const shown = await done(`isolations show ${id}`);
      expect(shown)
        .to.match(/Delivered +\S+Z, \d+m?s after ordered\n/)
        .and.to.match(/Enforced +not yet/);
      expect(shown)
        .to.match(/Reason +drill/)
        .and.to.match(/Remaining +(2h|1h59m)/)
        .and.to.contain('historian');

      const release = await call(
        ['release', '--isolated', '--reason', 'over', '--wait'],
        '',
        new Answers(['yes']),
      );
      expect(release.stderr).to.match(/press: released/);
      expect(release.code).to.equal(0);
      const over = await done(`isolations show ${id}`);
      expect(over)
        .to.match(/Ended because +operator/)
        .and.to.match(/Release reason +over/);
    });

    it('needs no yes for one device', async () => {
      const ended = await call(['isolate', '--name', 'lap*', '--reason', 'drill']);
      expect(ended.code).to.equal(0);
      expect(ended.stdout).to.match(/laptop +isolate ordered/);
      await done('release laptop --reason over');
    });

    it('is refused where nothing fits, or names and flags are mixed', async () => {
      await refused(1, ['isolate', '--tag', 'nothing', '--reason', 'x'], 'no device');
      await refused(2, ['isolate', 'laptop', '--tag', 'critical', '--reason', 'x'], 'exclude each other');
      await refused(1, ['isolate', '--group', 'nowhere', '--reason', 'x'], 'nowhere');
    });
  });

  it('enrols computers into a group', async () => {
    const made = await typed('enroll-token', 'create', '--group', 'OT/line 1', '-o', 'json');
    expect(JSON.parse(made)).to.have.nested.property('enrollmentToken.groupId').that.is.not.equal('');
  });
});
