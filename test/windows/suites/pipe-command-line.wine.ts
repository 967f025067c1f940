import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server } from '@grpc/grpc-js';
import { expect } from 'chai';
import { callAgent } from '../../../agent/local/client.js';
import { Quarantine } from '../../../agent/detect/quarantine/quarantine.js';
import { startLocal, type Local } from '../../../agent/local/local.js';
import { checkLogin } from '../../../agent/local/login/check.js';
import { PipeListener } from '../../../agent/local/pipe-listener.js';
import { isolation as runIsolation, type IsolationIo } from '../../../agent/program/isolation.js';
import { pipeCalls } from '../../../agent/windows/pipe-calls.js';
import { securityAttributes } from '../../../agent/windows/security-attributes.js';
import { openMode } from '../../../agent/windows/pipe-server.js';
import { systemClock } from '../../../shared/clock.js';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { LocalServiceService } from '../../../shared/gen/cordon/v1/local_service.js';
import { LocalReleaseSettings } from '../../../shared/gen/cordon/v1/policy.js';
import { hashPassword } from '../../../shared/password-hash.js';
import { OwnerSite, silent } from '../../fakes/agent-owner.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { desired, isolate, ISOLATION, settings } from '../../fakes/isolation.js';

const AGENT = fileURLToPath(new URL('../../../agent/main.js', import.meta.url));
/** -1 as Windows has it. */
const MINUS_ONE = 0xffff_ffff;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('cordon-agent isolation on Windows', function () {
  this.timeout(90_000);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-pipe-'));
  let runs = 0;
  let pipe = '';
  let site: OwnerSite;
  let local: Local | undefined;

  beforeEach(async () => {
    runs += 1;
    pipe = `\\\\.\\pipe\\cordon-commands-${process.pid}-${runs}`;
    site = new OwnerSite(new FakeClock());
    await site.owner.start();
  });
  afterEach(async () => {
    await local?.stop();
    local = undefined;
    await site.owner.stop();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function start(
    directive?: Parameters<typeof desired>[1],
    change: Parameters<typeof desired>[2] = {},
  ): Promise<void> {
    const { violations } = await site.owner.handle(desired(1n, directive, change), site.now());
    expect(violations).to.deep.equal([]);
    await site.owner.confirm(ISOLATION);
    site.events.length = 0;
    local = await startLocal({
      path: pipe,
      clock: systemClock,
      log: silent,
      owner: site.owner,
      quarantine: new Quarantine({ dataDir: folder, clock: systemClock, protects: () => undefined }),
      deviceId: 'device-1',
      connected: () => false,
      tell: (event) => site.events.push(event),
    });
  }

  /** Runs `cordon-agent` as a process of its own. */
  async function command(words: readonly string[], input = ''): Promise<Ended> {
    runs += 1;
    const files = ['in', 'out', 'err'].map((kind) => join(folder, `${runs}.${kind}`)) as [
      string,
      string,
      string,
    ];
    writeFileSync(files[0], input);
    const open = files.map((file, index) => openSync(file, index === 0 ? 'r' : 'w'));
    const child = spawn(process.execPath, [AGENT, ...words], { stdio: open });
    for (const file of open) closeSync(file);
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    const read = (file: string): string => readFileSync(file, 'utf8');
    return { code, stdout: read(files[1]), stderr: read(files[2]) };
  }
  const isolationProcess = (words: readonly string[], input = ''): Promise<Ended> =>
    command(['isolation', ...words, '--control-socket', pipe], input);

  /** The same in this process: a process of its own takes seconds here. */
  async function isolation(words: readonly string[], place = pipe): Promise<Ended> {
    let [stdout, stderr] = ['', ''];
    const io: IsolationIo = {
      print: (text) => (stdout += `${text}\n`),
      complain: (line) => (stderr += `${line}\n`),
      platform: process.platform,
    };
    const code = await runIsolation([...words, '--control-socket', place], io);
    return { code, stdout, stderr };
  }

  async function withPassword(password: string): Promise<{ localRelease: LocalReleaseSettings }> {
    const passwordHash = await hashPassword(password, Buffer.alloc(16, 3));
    return { localRelease: LocalReleaseSettings.fromPartial({ passwordHash }) };
  }

  it('ends, as a process, with 0 and then 9 for /disable twice; /show says which user did it', async () => {
    await start(isolate());
    const shown = await isolation(['/show']);
    expect(shown, shown.stderr).to.include({ code: 0 });
    expect(shown.stdout).to.contain(ISOLATION);
    const released = await isolationProcess(['/Disable']);
    expect(released, released.stderr).to.include({ code: 0, stdout: 'released\n' });
    expect(site.owner.isolated).to.equal(false);
    expect((await isolationProcess(['--disable'])).code).to.equal(9);
    expect((await isolation(['/SHOW'])).stdout).to.match(
      /^last ended +\S+Z, local, by local:[^\\\s]+\\[^\\\s]+ /m,
    );
  });

  it('ends, as a process, with 1, 2 and 4 where an argument is missing, nobody listens, an option is unknown', async () => {
    const words = [['/disable', '/login=ann'], ['/show'], ['/enable']];
    const ended = await Promise.all(words.map((each) => isolationProcess(each)));
    expect(ended.map(({ code }) => code)).to.deep.equal([1, 2, 4]);
    expect(ended[1]?.stderr).to.contain('no agent listens there; start the agent (sc start cordon-agent)');
  });

  it('ends, as a process, with -1 where the agent that runs does not know the call', async () => {
    const listener = await PipeListener.open({
      path: pipe,
      clock: systemClock,
      log: silent,
      serve: () => new Server(),
    });
    const { code, stderr } = await isolationProcess(['/disable']);
    await listener.close();
    expect(stderr).to.contain('does not know this call');
    expect(code).to.equal(MINUS_ONE);
  });

  it('ends with 1 without the password that is needed, 2 for a wrong one, and takes the right one from its input', async () => {
    await start(isolate(), await withPassword('geheim 1'));
    expect((await isolation(['/disable'])).code).to.equal(1);
    const wrong = await isolation(['/disable', '/pwd=geheim']);
    expect(wrong).to.include({ code: 2, stderr: 'cordon-agent: not released: wrong password\n' });
    expect(site.owner.isolated).to.equal(true);
    const right = await isolationProcess(['/DISABLE', '/pwd=-'], 'geheim 1\r\n');
    expect(right, right.stderr).to.include({ code: 0 });
  });

  it('ends with 4 for a syntax error, and changes nothing', async () => {
    await start(isolate());
    for (const words of [['/disable', '/DISABLE'], ['/disable=1'], ['/disable', '/show'], ['x']]) {
      expect((await isolation(words)).code, words.join(' ')).to.equal(4);
    }
    expect(site.owner.isolated).to.equal(true);
  });

  it('ends with 2 at a place that is no pipe of this computer', async () => {
    for (const place of ['\\\\server\\pipe\\cordon-agent', 'C:\\cordon-agent']) {
      const { code, stderr } = await isolation(['/disable', '/pwd=x'], place);
      expect(code).to.equal(2);
      expect(stderr).to.match(/^cordon-agent: --control-socket: must /);
    }
  });

  it('ends with 2 rather than give a password to a pipe that somebody else made', async () => {
    const calls = await pipeCalls();
    const everybody = await securityAttributes('O:S-1-5-21-0-0-0-1000G:BUD:(A;;GA;;;WD)');
    const squatter = calls.createNamedPipe(pipe, openMode(false), 0, 4, 4096, 4096, 0, everybody.bytes);
    expect(squatter).to.be.greaterThan(0);
    const { code, stderr } = await isolation(['/disable', '/pwd=geheim']);
    expect(code).to.equal(2);
    expect(stderr).to.match(
      / made this pipe, who is neither LocalSystem nor Administrators, .* nothing was sent/,
    );
    const got = Buffer.allocUnsafeSlow(4096);
    const overlapped = Buffer.allocUnsafeSlow(4096).fill(0);
    // Connected and left, without a word.
    calls.read(squatter, got, got.length, null, overlapped);
    const bytes: [number] = [-1];
    calls.result(squatter, overlapped, bytes, 0);
    expect(bytes[0]).to.equal(0);
    calls.closeHandle(squatter);
  });

  it('takes what other tools find', async () => {
    await start(undefined, { automaticSettings: settings(), trustedDetectors: ['scanner'] });
    const detection = { source: 'scanner', ruleId: 'r1', detailsJson: `{"a":"${'x'.repeat(60_000)}"}` };
    const { isolationId } = await callAgent(pipe, LocalServiceService.reportDetection, detection);
    expect(isolationId).to.match(/^[0-9a-f-]{36}$/);
    expect(site.owner.isolated).to.equal(true);
  });

  it('carries answers of megabytes, several at a time', async () => {
    const manualSettings = settings();
    const long = 'x'.repeat(120);
    manualSettings.exclusions = Array.from({ length: 10_000 }, (_, index) =>
      Exclusion.fromPartial({
        name: `${long}${index}`,
        protocol: 6,
        remotePorts: [{ first: 443, last: 443 }],
      }),
    );
    await start(isolate(), { manualSettings });
    const ask = (): ReturnType<typeof callAgent> => callAgent(pipe, LocalServiceService.showIsolation, {});
    const answers = await Promise.all(Array.from({ length: 4 }, ask));
    for (const answer of answers) {
      expect((answer as { exclusions: unknown[] }).exclusions).to.have.length(10_000);
    }
  });

  it('asks Windows for a login password in another process; a yes without a token of that user is none', async () => {
    // Wine says yes to everybody, and gives no token.
    for (const user of [
      process.env['USERNAME'] ?? '',
      'nobody-of-that-name',
      'NOWHERE\\ann',
      'ann@nowhere.test',
    ]) {
      const verdict = await checkLogin(user, 'not the password');
      expect(verdict, user)
        .to.have.property('why')
        .that.matches(/Windows error|wrong password|domain/);
      expect(verdict.kind, user).to.be.oneOf(['refused', 'trouble']);
    }
  });
});
