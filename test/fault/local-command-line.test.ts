import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { EventOutbox } from '../../agent/link/event-outbox.js';
import { systemClock } from '../../shared/clock.js';
import { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { LocalReleaseSettings } from '../../shared/gen/cordon/v1/policy.js';
import { hashPassword } from '../../shared/password-hash.js';
import { isolate, ISOLATION, settings } from '../fakes/isolation.js';
import { canBeAnotherUser } from '../net/site/privilege.js';
import { itNeeding } from '../net/site/index.js';
import { IsolatedDevice, TestUser } from './isolated-device.js';

/** Exclusions, a policy with a password, and what the seed's command line does with them; all through the real binary. */
describe('cordon-agent isolation', function () {
  this.timeout(60_000);
  let device: IsolatedDevice;

  afterEach(() => device.close());

  async function start(...state: Parameters<typeof IsolatedDevice.make>): Promise<void> {
    device = await IsolatedDevice.make(...state);
    await device.start();
  }
  const withPassword = async (password: string): Promise<{ localRelease: LocalReleaseSettings }> => ({
    localRelease: LocalReleaseSettings.fromPartial({
      passwordHash: await hashPassword(password, Buffer.alloc(16, 3)),
    }),
  });
  const code = async (...words: string[]): Promise<number | null> => (await device.isolation(words)).code;
  /** Events that wait for the server. */
  const told = (): unknown[] =>
    [...new EventOutbox(device.folder, systemClock).pending()].map(({ event }) => event);

  it('ends with 0 and then 9 for /disable twice, without a server, and keeps who did it', async () => {
    await start(isolate());
    expect(await code('/disable')).to.equal(0);
    const again = await device.isolation(['/Disable']);
    expect(again.code).to.equal(9);
    expect(again.stderr).to.equal('cordon-agent: this device is not isolated\n');
    await device.kill();
    await device.start();
    const restarted = await device.isolation(['--disable']);
    expect(restarted.code, restarted.stderr).to.equal(9);
    const { stdout } = await device.isolation(['/show']);
    expect(stdout)
      .to.match(/^state +released$/m)
      .and.match(/^last ended +\S+Z, local, by local:root /m);
    expect(stdout).to.match(/^exclusions +shown only while isolated$/m);
  });

  it('ends with 1 where a mandatory argument is missing: operation, value, password of a user or of the policy', async () => {
    await start(isolate(), await withPassword('geheim'));
    for (const words of [[], ['/disable'], ['/disable', '/login=root'], ['/disable', '/PWD='], ['/pwd=x']]) {
      const { code, stderr } = await device.isolation(words);
      expect(code, words.join(' ')).to.equal(1);
      expect(stderr).to.match(/^cordon-agent: [^\n]+\n$/);
    }
    expect((await device.isolation(['/disable', '/PWD=-'], '\n')).code).to.equal(1);
  });

  it('ends with 2 for a wrong password and 0 for the right one, which takes longer after it and is seen nowhere', async () => {
    await start(isolate(), await withPassword('geheim 1'));
    expect((await device.isolation(['/show'])).stdout).to.match(/^\/disable +needs a password$/m);
    const wrong = await device.isolation(['/disable', '/pwd=geheim']);
    expect(wrong).to.include({ code: 2, stderr: 'cordon-agent: not released: wrong password\n' });
    const began = performance.now();
    expect((await device.isolation(['--disable', '--pwd', '-'], 'geheim 1\n')).code).to.equal(0);
    expect(performance.now() - began).to.be.greaterThan(900);
    expect(device.log).not.to.match(/geheim/);
    expect(readdirSync(device.folder)).to.include.members(['events.log', 'isolation.json']);
    for (const name of readdirSync(device.folder).filter((name) => name !== 'run')) {
      expect(readFileSync(join(device.folder, name), 'utf8'), name).not.to.match(/geheim/);
    }
    expect(told()).to.deep.include({
      $case: 'releaseRefused',
      value: { user: 'root', detail: 'wrong password' },
    });
  });

  it('ends with 2 without an agent, and says what works without one', async () => {
    device = await IsolatedDevice.make(isolate());
    const { code, stderr } = await device.isolation(['/show']);
    expect(code).to.equal(2);
    expect(stderr).to.match(/no agent listens there; .*"cordon-agent status" needs no agent/);
  });

  it('ends with 2 rather than give a password to a socket that other users can replace', async () => {
    await start(isolate());
    chmodSync(dirname(device.socket), 0o777);
    const { code, stderr } = await device.isolation(['/disable', '/pwd=x']);
    expect(code).to.equal(2);
    expect(stderr).to.contain('other users may write there');
  });

  it('ends with 4 for a syntax error, and changes nothing', async () => {
    await start(isolate());
    for (const words of [
      ['/enable'],
      ['/disable', '/disable'],
      ['/disable=1'],
      ['/disable', '/show'],
      ['x'],
    ]) {
      const { code, stderr } = await device.isolation(words);
      expect(code, words.join(' ')).to.equal(4);
      expect(stderr).to.match(/^cordon-agent: [^\n]+; run "cordon-agent isolation --help"\n$/);
    }
    expect((await device.isolation(['/show'])).stdout).to.contain(ISOLATION);
  });

  it('ends with 255 where the agent that runs does not know the call', async () => {
    device = await IsolatedDevice.make(isolate());
    const other = new Server();
    const path = join(device.folder, 'other.sock');
    await new Promise((resolve, reject) =>
      other.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(undefined),
      ),
    );
    const { code, stderr } = await device.command(['isolation', '/disable', '--control-socket', path]);
    other.forceShutdown();
    expect(code).to.equal(255);
    expect(stderr).to.contain('does not know this call');
  });

  it('shows state, reason, exclusions, proof and settings, for people and as JSON of the contract', async () => {
    const manualSettings = settings();
    manualSettings.exclusions = [
      { name: 'ntp', remotePorts: [{ first: 123, last: 123 }], protocol: 17 },
      { name: 'off', disabled: true },
    ].map((exclusion) => Exclusion.fromPartial(exclusion));
    await start(isolate(), { manualSettings });
    const { stdout, code } = await device.isolation(['/SHOW']);
    expect(code).to.equal(0);
    for (const line of [
      /^mode +manual$/m,
      /^reason +a test$/m,
      /^requested by +ann$/m,
      /^until +\S+Z \((1h|59m\d*s?) left\)$/m,
      /^verification +unverified, checked /m,
      /^ {2}check +rules-match-plan: skipped \(simulation/m,
      /^exclusions +1 in force$/m,
      /^ {2}passes +ntp: in and out, UDP, remote port 123$/m,
      /^manual +ends after 1h$/m,
      /^automatic +off$/m,
      /^\/disable +needs no password$/m,
      /^server +not connected$/m,
    ]) {
      expect(stdout).to.match(line);
    }
    const json = JSON.parse((await device.isolation(['--show', '--json'])).stdout) as Record<string, unknown>;
    expect(json).to.include({ passwordRequired: false, connected: false });
    expect(json['manualSettings']).to.include({ releaseDelay: '3600s' });
    expect(json['exclusions']).to.have.length(1);
    expect(json['observed']).to.include({ isolationId: ISOLATION, mode: 'ISOLATION_MODE_MANUAL' });
  });

  it('serves a folder and a socket that only root may open', async () => {
    await start(isolate());
    expect(statSync(dirname(device.socket)).mode & 0o777).to.equal(0o700);
    expect(statSync(device.socket).mode & 0o777).to.equal(0o600);
  });

  itNeeding(
    { met: canBeAnotherUser() && existsSync('/usr/bin/setpriv'), why: 'another user needs root and setpriv' },
    'lets nobody in but root, also where the socket may be opened by everybody',
    async () => {
      await start(isolate());
      for (const folder of [device.folder, dirname(device.socket)]) chmodSync(folder, 0o755);
      chmodSync(device.socket, 0o666);
      const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      // Node itself says that it was let in as far as the connection and no further.
      const program = `const socket = require('net').connect(process.argv[1]);
        socket.on('connect', () => console.log('connected')).on('close', () => console.log('closed'));
        socket.on('error', () => {}).on('data', () => console.log('data'));
        socket.write('PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + '\\0\\0\\0\\4\\0\\0\\0\\0\\0');
        setTimeout(() => process.exit(), 3000).unref();`;
      const [setpriv = '', ...args] = [...nobody, process.execPath, '-e', program, device.socket];
      const said = async (command: string, words: readonly string[]): Promise<string> => {
        const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
        setTimeout(() => child.kill(), 1500);
        await once(child, 'close');
        return text;
      };
      expect(await said(setpriv, args)).to.equal('connected\nclosed\n');
      // The same words from root are answered.
      expect(await said(process.execPath, ['-e', program, device.socket])).to.match(/^connected\ndata\n/);
      expect(device.log).to.contain('refused a local connection');
      expect((await device.isolation(['/show'])).code).to.equal(0);
    },
  );

  itNeeding(
    {
      met: canBeAnotherUser() && existsSync('/usr/sbin/useradd') && existsSync('/etc/pam.d'),
      why: 'an account of its own needs root, useradd and PAM',
    },
    'takes the login password of a user whom the policy lists, until the account expires',
    async () => {
      const user = new TestUser('anmelden 1');
      try {
        await start(isolate(), { localRelease: LocalReleaseSettings.fromPartial({ users: [user.name] }) });
        const wrong = await device.isolation(['/disable', `/login=${user.name}`, '/PWD=anmelden']);
        expect(wrong.code, wrong.stderr).to.equal(2);
        expect(wrong.stderr).to.contain('Authentication failure');
        const other = await device.isolation(['/disable', '/login=nobody', '/PWD=x']);
        expect(other.code).to.equal(2);
        expect(other.stderr).to.contain('does not list the user nobody');
        user.expire(true);
        const expired = await device.isolation(['/disable', `/login=${user.name}`, '/PWD=anmelden 1']);
        expect(expired.code, expired.stderr).to.equal(2);
        user.expire(false);
        const right = await device.isolation(['/disable', `/LOGIN=${user.name}`, '/pwd=-'], 'anmelden 1\n');
        expect(right.code, right.stderr).to.equal(0);
        const { stdout } = await device.isolation(['/show']);
        expect(stdout).to.contain(`by local:${user.name} `);
      } finally {
        user.remove();
      }
    },
  );

  it('works after an agent was killed: its socket is replaced; that of one that lives is not', async () => {
    await start(isolate());
    await device.kill('SIGKILL');
    expect(existsSync(device.socket)).to.equal(true);
    await device.start();
    expect(await code('/show')).to.equal(0);
    await device.kill('SIGTERM');
    expect(existsSync(device.socket)).to.equal(false);
    const alive = createServer((socket) => socket.destroy()).listen(device.socket);
    await once(alive, 'listening');
    const refused = device.start().catch((error: unknown) => error);
    await untilLogged(/another agent listens there/);
    expect(existsSync(device.socket)).to.equal(true);
    alive.close();
    await device.kill();
    await refused;
  });

  async function untilLogged(pattern: RegExp): Promise<void> {
    for (const end = performance.now() + 15_000; !pattern.test(device.log);) {
      if (performance.now() > end) throw new Error(`not logged: ${String(pattern)}\n${device.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it('reports what other tools find, isolates for those that the policy lists, and keeps the news', async () => {
    await start(undefined, { automaticSettings: settings(), trustedDetectors: ['scanner'] });
    const report = (source: string, details: string): ReturnType<IsolatedDevice['command']> =>
      device.command(
        [
          'report-detection',
          '--source',
          source,
          '--rule',
          'r1',
          '--details',
          '-',
          '--control-socket',
          device.socket,
        ],
        details,
      );
    const stranger = await report('stranger', '{"a":1}');
    expect(stranger.code).to.equal(1);
    expect(stranger.stderr).to.contain('the policy does not list stranger');
    expect(await code('/disable')).to.equal(9);
    expect((await report('scanner', '[')).stderr).to.contain('details_json: must be a JSON object');
    const trusted = await report('scanner', '{"b":2}');
    expect(trusted, trusted.stderr).to.include({ code: 0 });
    expect(trusted.stdout).to.match(/^isolated: [0-9a-f-]{36}\n$/);
    const { stdout } = await device.isolation(['/show']);
    expect(stdout)
      .to.match(/^mode +automatic$/m)
      .and.match(/^reason +detected by scanner: rule r1$/m);
    expect((await report('scanner', '{}')).stdout).to.equal('recorded; it started no isolation\n');
    expect(await code('/disable')).to.equal(0);
    const found = told().filter((event) => (event as { $case: string }).$case === 'detectionFound');
    expect(found).to.have.length(3);
  });
});
