import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { ConnectionState } from '../../../shared/gen/cordon/v1/device.js';
import { FAKE_TOKEN, FakeManagementServer } from '../../fakes/fake-management-server.js';
import { callCordon, type Ended } from '../../fakes/call-cordon.js';
import { runCordon } from '../../fakes/run-cordon.js';

describe('cordon', () => {
  let server: FakeManagementServer;
  let folder: string;
  let env: Record<string, string>;

  before(async () => {
    server = await FakeManagementServer.start();
    folder = mkdtempSync(join(tmpdir(), 'cordon-cli-'));
    const ca = join(folder, 'ca.crt');
    writeFileSync(ca, server.identity.caPem);
    env = {
      HOME: folder,
      CORDON_SERVER: server.address,
      CORDON_TOKEN: FAKE_TOKEN,
      CORDON_CA: ca,
    };
  });

  after(() => {
    server.stop();
    rmSync(folder, { recursive: true });
  });

  beforeEach(() => {
    server.obedience = 'obeys';
    server.orderIds.length = 0;
    server.devices.clear();
    for (const name of ['laptop', 'desk', 'printer']) {
      server.put({ id: `id-${name}`, name, connection: ConnectionState.CONNECTION_STATE_ONLINE });
    }
  });

  const cordon = (line: string, extra: Record<string, string> = {}): Promise<Ended> =>
    callCordon(line.split(' ').filter(Boolean), { ...env, ...extra });

  /** One line on standard error, with what to do next, and nothing else. */
  function expectRefusal(ended: Ended, code: number, ...parts: (string | RegExp)[]): void {
    expect(ended.stderr).to.match(/^cordon: [^\n]+; [^\n]+\n$/);
    for (const part of parts) expect(ended.stderr).to.match(new RegExp(part));
    expect(ended.stdout).to.equal('');
    expect(ended.code).to.equal(code);
  }

  describe('login', () => {
    const bare = (): Record<string, string> => ({ CORDON_SERVER: '', CORDON_TOKEN: '', CORDON_CA: '' });

    it('pins the CA by its fingerprint and keeps what it needs where only its owner can read it', async () => {
      const home = mkdtempSync(join(folder, 'home-'));
      const login = `login --server ${server.address} --token - --ca-fingerprint ${server.identity.caFingerprint}`;
      const ended = await callCordon(login.split(' '), { HOME: home }, `${FAKE_TOKEN}\n`);
      expect(ended.stderr).to.equal('');
      expect(ended.stdout).to.contain('as alice, operator');
      expect(ended.code).to.equal(0);
      const file = join(home, '.config', 'cordon', 'config.yaml');
      expect(statSync(file).mode & 0o777).to.equal(0o600);
      expect(parse(readFileSync(file, 'utf8'))).to.deep.equal({
        server: server.address,
        token: FAKE_TOKEN,
        ca: server.identity.caPem,
      });
      const list = await callCordon(['devices', 'list'], { HOME: home });
      expect(list.stdout).to.contain('laptop');
    });

    it('refuses a server whose CA has another fingerprint, and keeps nothing', async () => {
      const home = mkdtempSync(join(folder, 'home-'));
      const ended = await cordon(`login --ca-fingerprint ${'ab'.repeat(32)}`, { HOME: home, CORDON_CA: '' });
      expectRefusal(ended, 1, 'does not contain the pinned CA', '--ca-fingerprint');
      expect((await cordon('devices list', { ...bare(), HOME: home })).code).to.equal(4);
    });

    it('refuses a wrong token', async () => {
      expectRefusal(await cordon('login --token wrong'), 4, 'refused the token', 'cordon login');
    });

    for (const [line, flag] of [
      ['login', '--server'],
      ['login --server h', '--token'],
      ['login --server h --token t', '--ca-fingerprint'],
      ['login --server h --token t --ca-fingerprint abc', '--ca-fingerprint'],
      ['login --server h:x --token t --ca-fingerprint abc', '--server'],
      ['login --server h --token t --ca /nowhere', '--ca'],
    ] as const) {
      it(`names ${flag} when "${line}" is typed`, async () => {
        expectRefusal(await cordon(line, bare()), 2, flag);
      });
    }
  });

  describe('usage errors', () => {
    for (const [line, named] of [
      ['', 'needs a command'],
      ['devices', 'needs a command'],
      ['isolat laptop', 'did you mean isolate'],
      ['isolate --reason x', "argument 'device'"],
      ['isolate laptop', '--reason'],
      ['isolate laptop --reason', '--reason'],
      ['isolate laptop --reason x --for 10s', '--for'],
      ['isolate laptop --reason x --for tomorrow', '--for'],
      ['isolate laptop --reason x --timeout 0', '--timeout'],
      ['isolate laptop --reason x --wiat', 'did you mean --wait'],
      ['release laptop', '--reason'],
      ['devices list extra', 'too many arguments'],
      ['devices list -o xml', '--output'],
      ['devices ban laptop', '--reason'],
      ['enroll-token create --uses 0', '--uses'],
      ['enroll-token create --ttl 1s', '--ttl'],
      ['token create --name bob', '--role'],
      ['token create --role viewer', '--name'],
      ['token create --name bob --role king', '--role'],
      ['audit list --limit -1', '--limit'],
      ['completion tcsh', 'shell'],
      ['devices list --online --offline', '--online'],
      ['devices list --isolated --pending', '--isolated'],
      ['devices list --tag=', '--tag'],
      ['devices list --name=', '--name'],
      ['devices move laptop', '--to'],
      ['devices tag laptop --add=', '--add'],
      ['devices rename laptop', 'name'],
      ['isolate --tag= --reason x', '--tag'],
      ['isolate --group g --reason x --name=', '--name'],
      ['group create', 'path'],
      ['group move OT', '--to'],
      ['group rename OT', 'name'],
      ['policy create plant', '--group'],
      ['policy create plant --group OT --automatic-isolation yes', '--automatic-isolation'],
      ['policy set plant --release-delay 30s', '--release-delay'],
      ['policy set plant --release-delay 10000h', '--release-delay'],
      ['policy set plant --on-server-loss open', '--on-server-loss'],
      ['policy set plant --server-loss-release-after 0', '--server-loss-release-after'],
      ['policy set plant --on-unconfirmed maybe', '--on-unconfirmed'],
      [`policy set plant --notification-text ${'x'.repeat(2001)}`, '--notification-text'],
      ['policy set plant --administrator-without-password 1', '--administrator-without-password'],
      ['policy set plant --trusted-detector', '--trusted-detector'],
      ['policy apply', '--file'],
      ['task set --device a --group b --release-delay 1h', '--device'],
      ['task apply', '--file'],
      ['exclusion add x --policy p --task-device d', '--policy'],
      ['exclusion add x --task-device d --task-group g', '--task-device'],
      ['exclusion add x --policy p --direction up', '--direction'],
      ['exclusion add x --policy p --protocol 256', '--protocol'],
      ['exclusion add x --policy p --protocol tcpp', '--protocol'],
      ['exclusion add x --policy p --local-port 65536', '--local-port'],
      ['exclusion add x --policy p --local-port 90-80', '80-90'],
      ['exclusion add x --policy p --remote-port http', '--remote-port'],
      ['exclusion add x --policy p --local-address 10.0.0.1/8', '10.0.0.0/8'],
      ['exclusion add x --policy p --remote-address 10.0.0.256', '--remote-address'],
      ['exclusion add x --policy p --remote-address 10.0.0.1-fe80::1', 'mixes IPv4 and IPv6'],
      ['exclusion add x --policy p --remote-host h --remote-address 10.0.0.1', '--remote-host'],
      ['exclusion add x --policy p --unit a --cgroup b', '--unit'],
      ['exclusion add x --policy p --cgroup a --executable b', '--cgroup'],
      ['exclusion add x --policy p --executable a --windows-service b', '--executable'],
      ['exclusion add x --policy p --windows-service a --any-program', '--windows-service'],
      ['exclusion remove --policy p', 'name'],
      ['exclusion check', '--file'],
      ['profile show', 'id'],
      ['isolations show', 'id'],
    ] as const) {
      it(`are told in one line for "cordon ${line}"`, async () => {
        expectRefusal(await cordon(line), 2, named, 'run "cordon');
      });
    }
  });

  for (const [line, ...parts] of [
    ['task show', 'which task', '--device'],
    ['devices tag laptop', '--add and --remove', '--add critical'],
    ['exclusion list', 'which exclusions', '--policy'],
    ['isolate laptop --group g --reason x', 'exclude each other'],
    ['policy apply -f /nowhere/plant.yaml', '--file: /nowhere/plant.yaml', 'ENOENT'],
    ['exclusion check -f /nowhere/x.yaml', '--file'],
  ] as const) {
    it(`says what to do about "cordon ${line}"`, async () => {
      expectRefusal(await cordon(line), 2, ...parts);
    });
  }

  describe('exclusion check', () => {
    const check = (text: string): Promise<Ended> => callCordon(['exclusion', 'check', '-f', '-'], {}, text);

    it('takes a bare list, a list under its key, a policy and a task, without a server', async () => {
      const list = '[{ name: ssh, direction: in, protocol: tcp, local_ports: [22] }]';
      for (const text of [
        list,
        `exclusions: ${list}`,
        `policy: { name: p, exclusions: ${list} }`,
        `task: { device: d, exclusions: ${list} }`,
      ]) {
        const ended = await check(text);
        expect(ended.stdout).to.match(/^standard input: 1 exclusion, in order\n/);
        expect(ended.code).to.equal(0);
      }
    });

    it('names what is wrong and where, and hints at what is probably not meant', async () => {
      expectRefusal(
        await check('- name: a\n  remote_ports: [80]\n'),
        2,
        '\\[0\\].remote_ports .line 2.: ports need',
      );
      expectRefusal(await check('- profile: nothing\n'), 2, 'no profile "nothing"');
      const hints = await check(
        '[{ name: a, protocol: tcp, remote_ports: [80], remote_addresses: [10.0.0.1] }, { profile: dns-client }, { name: b, protocol: udp, direction: out, remote_ports: [53] }]',
      );
      expect(hints.stdout)
        .to.match(/4 exclusions, in order/)
        .and.to.match(/is redundant/);
    });
  });

  it('says that the server cannot be reached', async () => {
    expectRefusal(
      await cordon('devices list', { CORDON_SERVER: '127.0.0.1:1' }),
      4,
      'cannot reach 127.0.0.1:1 .ECONNREFUSED.',
    );
  });

  it('does not talk to a server with a certificate of another CA', async () => {
    const other = await FakeManagementServer.start();
    try {
      expectRefusal(
        await cordon('devices list', { CORDON_SERVER: other.address }),
        4,
        'not from the CA that this computer trusts',
      );
    } finally {
      other.stop();
    }
  });

  it('says that it is not logged in', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const ended = await callCordon(['devices', 'list'], { HOME: home });
    expectRefusal(ended, 4, 'not logged in', 'cordon login');
  });

  for (const [content, named] of [
    ['server: [', 'config.yaml: is not YAML: .* line'],
    ['servr: x', 'config.yaml: .*servr'],
    ['server: 5', 'config.yaml: server: '],
  ] as const) {
    it(`says what is wrong with a configuration file that holds "${content}"`, async () => {
      const path = join(mkdtempSync(join(folder, 'config-')), 'config.yaml');
      writeFileSync(path, `${content}\n`);
      const ended = await callCordon(['devices', 'list'], { HOME: folder, CORDON_CONFIG: path });
      expectRefusal(ended, 2, named, 'cordon login');
    });
  }

  it('names an unknown device', async () => {
    expectRefusal(await cordon('isolate nobody --reason x'), 1, 'nobody', 'cordon devices list');
    expectRefusal(await cordon('isolate nobody --reason x --wait'), 1, 'nobody');
    expectRefusal(await cordon('devices show nobody'), 1, 'nobody');
    expectRefusal(await cordon('devices watch nobody'), 1, 'nobody');
  });

  it('says when the server does not serve a call', async () => {
    expectRefusal(await cordon('audit verify'), 1, 'does not serve');
  });

  it('lists every page of devices as a table, as JSON with the names of the contract, and as YAML', async () => {
    const table = await cordon('devices list');
    expect(table.stdout.split('\n')[0]).to.match(/^NAME +STATE +VERIFIED +REMAINING +CONNECTION +ID$/);
    expect(table.stdout).to.contain('printer');
    expect(table.stdout).not.to.contain('\x1b');
    const json = JSON.parse((await cordon('devices list -o json')).stdout) as { devices: object[] };
    expect(json.devices).to.have.length(3);
    expect(json.devices[0]).to.include({ name: 'laptop', banned: false, observedGeneration: '0' });
    expect(parse((await cordon('devices list -o yaml')).stdout)).to.deep.equal(json);
  });

  it('isolates several devices, waits for their reports and releases them', async () => {
    const isolate = await cordon('isolate laptop id-desk --reason test --wait');
    expect(isolate.stderr)
      .to.match(/laptop: isolated/)
      .and.to.match(/desk: isolated/);
    expect(isolate.code).to.equal(0);
    expect((await cordon('devices list')).stdout).to.match(/laptop +isolated/);
    const release = await cordon('release laptop desk --reason done --wait -o json');
    const { results } = JSON.parse(release.stdout) as { results: { outcome: string }[] };
    expect(results.map(({ outcome }) => outcome)).to.deep.equal(['done', 'done']);
    expect(release.code).to.equal(0);
  });

  it('returns at once without --wait, and says that the order is pending', async () => {
    server.obedience = 'silent';
    const ended = await cordon('isolate laptop --reason test --for 2h');
    expect(ended.stdout).to.match(/laptop +isolate ordered/);
    expect((await cordon('devices list')).stdout).to.match(/laptop +pending → isolated/);
  });

  it('ends --wait with 3 and the names of those that have not reported', async () => {
    server.obedience = 'silent';
    const ended = await cordon('isolate laptop --reason test --wait --timeout 1s');
    expect(ended.stderr).to.match(/cordon: laptop did not report within 1s; the order stays in force/);
    expect(ended.code).to.equal(3);
  });

  it('ends --wait with 1 and the reason when a device isolates in part or refuses', async () => {
    server.obedience = 'degraded';
    const degraded = await cordon('isolate laptop --reason test --wait');
    expect(degraded.stderr).to.contain('IPv6 could not be filtered');
    expect(degraded.code).to.equal(1);
    server.obedience = 'rejects';
    const rejected = await cordon('isolate desk --reason test --wait');
    expect(rejected.stderr).to.contain('exclusions[0]: not valid');
    expect(rejected.code).to.equal(1);
  });

  it('repeats an order once with the same request_id when the server is not available', async () => {
    server.unavailable = 1;
    const ended = await cordon('isolate laptop --reason test');
    expect(ended.code).to.equal(0);
    expect(server.orderIds).to.have.length(2);
    expect(new Set(server.orderIds).size).to.equal(1);
    expect(server.orderIds[0]).to.match(/^[0-9a-f-]{36}$/);
  });

  describe('as a program', () => {
    const program = (line: string, extra: Record<string, string> = {}): Promise<Ended> =>
      runCordon(line.split(' ').filter(Boolean), { ...env, ...extra });

    it('prints results, and nothing else: no warning of the runtime', async () => {
      const ended = await program('devices list');
      expect(ended.stdout).to.contain('laptop');
      expect(ended.stderr).to.equal('');
      expect(ended.code).to.equal(0);
    });

    it('ends with the code of the error after one line', async () => {
      expectRefusal(await program('isolate laptop'), 2, '--reason');
      expectRefusal(
        await program('devices list', { CORDON_SERVER: '127.0.0.1:1' }),
        4,
        'cannot reach 127.0.0.1:1',
      );
    });

    it('completes commands, flags and names of devices', async () => {
      expect((await program('complete -- dev')).stdout).to.match(/^devices\t/);
      expect((await program('complete -- isolate --re')).stdout).to.match(/^--reason\t/);
      expect((await program('complete -- isolate la')).stdout).to.match(/^laptop\t/);
      expect((await program('complete -- exclusion add-profile ntp')).stdout).to.match(/^ntp-client\t/);
      expect((await program('complete -- policy ef')).stdout).to.match(/^effective\t/);
      expect((await program('complete -- isolate la', { CORDON_SERVER: '127.0.0.1:1' })).stdout).to.equal(
        ':4\n',
      );
    });

    it('logs in by fingerprint without a warning of the runtime', async () => {
      const home = mkdtempSync(join(folder, 'home-'));
      const login = `login --server ${server.address} --token - --ca-fingerprint ${server.identity.caFingerprint}`;
      const ended = await runCordon(login.split(' '), { HOME: home }, `${FAKE_TOKEN}\n`);
      expect(ended.stderr).to.equal('');
      expect(ended.code).to.equal(0);
    });
  });

  it('shows the command that enrols a computer, ready to paste', async () => {
    const ended = await cordon('enroll-token create --uses 3 --ttl 2h');
    expect(ended.stdout).to.contain('CORDON_AGENT_ENROLLMENT_TOKEN=enroll_secret cordon-agent run --server');
    expect(ended.stdout, 'a port that agents would not look at').to.match(/ --agent-server \S+:17443 /);
    expect(ended.stdout).to.contain(`--ca-fingerprint ${server.identity.caFingerprint}`);
    const [, secret] = /ENROLLMENT_TOKEN=(\S+) /.exec(ended.stdout) ?? [];
    expect(ended.stdout).to.contain(`\n  enrollment_token: '${secret}'\n`);
    expect(ended.stdout).to.contain(`\n  ca_fingerprint: '${server.identity.caFingerprint}'\n`);
  });
});
