import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConnectionState, type Device } from '../../shared/gen/cordon/v1/device.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
  ListDevicesRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import { RealServer, type ManagementClient } from '../fault/real-server.js';
import { until } from '../fault/until.js';
import { itNeeding } from '../net/site/it-needing.js';
import { Wine, wine, type WineEnded, type WineProcess } from './wine.js';

const PROGRAM = 'C:\\cordon';
const DATA = 'ProgramData/Cordon/Agent';

describe('the service of the agent on Windows', function () {
  this.timeout(240_000);
  let windows: Wine;
  let server: RealServer;
  /** Services end with the last program that is none. */
  let waiting: WineProcess;
  let client: ManagementClient;

  /**
   * Services have the environment of the computer. Wine gives them 10 s to come up, Windows 30; a busy machine may need more.
   * Both are read when Wine boots, so they are written before.
   */
  const setUpServices = (): void => {
    const registry = join(windows.folder, 'prefix', 'system.reg');
    const control = 'System\\\\CurrentControlSet\\\\Control';
    const more = [
      `[${control}\\\\Session Manager\\\\Environment]`,
      '"NODE_SKIP_PLATFORM_CHECK"="1"',
      `[${control}]`,
      '"ServicesPipeTimeout"=dword:0001d4c0',
    ];
    const content = `${readFileSync(registry, 'utf8')}\n${more.join('\n')}\n`;
    writeFileSync(registry, content);
  };

  /** `cordon-agent` as an administrator types it. */
  const agent = (...args: string[]): Promise<WineEnded> =>
    windows.start(`${PROGRAM}\\node.exe`, [`${PROGRAM}\\dist\\agent\\main.js`, ...args], {
      timeoutMs: 100_000,
    }).ended;
  const devices = async (): Promise<Device[]> =>
    (await client.call(DeviceServiceService.listDevices, ListDevicesRequest.fromPartial({}))).devices;
  const connected = async (): Promise<boolean> =>
    (await devices()).some(({ connection }) => connection === ConnectionState.CONNECTION_STATE_ONLINE);
  const agentLog = (): string => {
    const path = join(windows.driveC(DATA), 'agent.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };

  beforeEach(async function () {
    if (!wine.met) return;
    windows = Wine.make();
    writeFileSync(windows.driveC('wait.cjs'), 'setTimeout(() => undefined, 600_000);\n');
    setUpServices();
    waiting = windows.startNode('C:\\wait.cjs', [], { timeoutMs: 600_000 });
    server = await RealServer.open();
    client = server.connect();
  });

  afterEach(async function () {
    if (!wine.met) return;
    waiting.kill();
    await waiting.ended;
    windows.close();
    client.close();
    await server.close();
  });

  itNeeding(wine, 'is installed, runs the agent, stops it in good order, and is removed', async () => {
    const early = await agent('service', 'install');
    expect(early.stderr).to.match(/agent\.yaml: is not there; write server, enrollment_token/);
    expect(early.code).to.equal(2);

    const { secret } = await client.call(
      DeviceServiceService.createEnrollmentToken,
      CreateEnrollmentTokenRequest.fromPartial({ maxUses: 1 }),
    );
    const settings = {
      server: `127.0.0.1:${server.managementPort}`,
      agent_server: `127.0.0.1:${server.agentPort}`,
      ca_fingerprint: server.caFingerprint,
      enrollment_token: secret,
      enforcer: 'recording',
      log_level: 'debug',
    };
    // The folder is there: the first try has made it.
    writeFileSync(join(windows.driveC(DATA), 'agent.yaml'), JSON.stringify(settings), { mode: 0o600 });
    const installed = await agent('service', 'install');
    expect(installed.code, installed.stderr + agentLog()).to.equal(0);
    expect(installed.stdout).to.match(/the service cordon-agent runs$/m);
    await until('the device connects', 30_000, connected);
    expect((await devices())[0]?.facts).to.include({ os: 'win32' });

    expect((await agent('service', 'status')).stdout).to.match(/^state +running$/m);
    expect((await agent('service', 'install')).stdout).to.match(/runs already/);

    await windows.run('sc.exe', ['stop', 'cordon-agent']);
    await until('the device is gone', 30_000, async () => !(await connected()));
    await until('the agent says why', 5_000, () => agentLog().includes('the service stops'));
    const stopped = async (): Promise<boolean> =>
      /^state +stopped$/m.test((await agent('service', 'status')).stdout);
    await until('the service is stopped', 30_000, stopped);

    await agent('service', 'install');
    await until('the device connects again', 30_000, connected);
    expect(await devices()).to.have.length(1);
    const removed = await agent('service', 'remove');
    expect(removed.stdout).to.match(/removed: service cordon-agent; an isolation stays in force/);
    expect(await connected()).to.equal(false);
    const status = await agent('service', 'status');
    expect(status.stderr).to.match(
      /there is no service cordon-agent; "cordon-agent service install" makes it/,
    );
    expect(status.code).to.equal(1);
    expect((await agent('service', 'remove')).stdout).to.match(/there is no service/);
  });

  itNeeding(wine, 'goes with everything else when the agent is purged', async () => {
    const data = windows.driveC(DATA);
    await agent('service', 'install');
    const settings = {
      server: '127.0.0.1:1',
      enforcer: 'recording',
      ca_fingerprint: '0'.repeat(64),
      enrollment_token: 'x',
    };
    writeFileSync(join(data, 'agent.yaml'), JSON.stringify(settings), { mode: 0o600 });
    const failing = await agent('service', 'install');
    expect(failing.stderr).to.match(/see agent\.log in its data folder/);
    expect(failing.code).to.equal(1);
    expect(agentLog()).to.include('the service cannot start');
    const purged = await agent('purge', '--yes', '--enforcer', 'recording');
    expect(purged.stdout + purged.stderr).to.include('removed: rules, state and identity');
    expect((await agent('service', 'status')).code).to.equal(1);
    for (const name of ['device-id', 'agent.log']) expect(existsSync(join(data, name)), name).to.equal(false);
    expect(existsSync(join(data, 'agent.yaml'))).to.equal(true);
  });
});
