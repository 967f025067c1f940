import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LocalServiceService } from '../../../shared/gen/cordon/v1/local_service.js';
import { packageRoot } from '../../../shared/package-root.js';
import { TestUser } from '../../fault/isolated-device.js';
import { ECHO_PORT, FAMILIES, openScene, sleep, type Scene } from '../containment/scene.js';
import { canBeAnotherUser, itNeeding, requireNetAdmin } from '../site/index.js';

requireNetAdmin();

const PASSWORD = 'sesam öffne dich';
const ACCOUNTS = {
  met: canBeAnotherUser() && existsSync('/usr/sbin/useradd') && existsSync('/etc/pam.d'),
  why: 'an account of its own needs root, useradd and PAM',
};

interface Isolation {
  readonly endCause: string;
  readonly endedAt?: string;
  readonly releasedBy: string;
}

/** From the operator's policy to the person at the device and back into the history; what the agent alone does is shown elsewhere. */
describe('release at the device, and what the server makes of it', function () {
  this.timeout(60_000);
  let scene: Scene;

  before(async () => {
    scene = await openScene();
    const { fleet, device } = scene;
    await fleet.apply('policy', { name: 'plant', group: 'root' });
    await fleet.apply('task', {
      device: device.name,
      release_delay: '3h',
      exclusions: [{ name: 'time', direction: 'outbound', protocol: 'udp', remote_ports: [123] }],
    });
    const set = await fleet.tryCliWith(`${PASSWORD}\n`, 'policy', 'set-password', 'plant', '--stdin');
    expect(set.code, set.stderr).to.equal(0);
    await fleet.untilCurrent(device.name);
  });
  after(() => scene?.close());

  const isolation = (...words: readonly string[]): ReturnType<Scene['fleet']['atDevice']> =>
    scene.fleet.atDevice(scene.device, ['isolation', ...words]);

  async function outcomes(): Promise<string[]> {
    const connect = async (address: string): Promise<string> =>
      (await scene.inside.call('tcpConnect', { address, port: ECHO_PORT })).outcome;
    return Promise.all(FAMILIES.map((family) => connect(scene.outside[family])));
  }

  /** Details of what the server has on record as refused, newest first. */
  async function refusals(): Promise<unknown[]> {
    const { records } = await scene.fleet.json<{ records: { detailsJson: string; actor: string }[] }>(
      ...['audit', 'list', '--device', scene.device.name, '--action', 'device.release_refused'],
    );
    return records.map(({ detailsJson }) => JSON.parse(detailsJson) as unknown);
  }
  async function untilRefused(count: number): Promise<unknown[]> {
    for (const end = performance.now() + 10_000; ; await sleep(100)) {
      const seen = await refusals();
      if (seen.length >= count || performance.now() > end) return seen;
    }
  }

  /** The newest isolation, once the server has heard that it ended and the device carries out nothing any more. */
  async function ended(): Promise<Isolation | undefined> {
    const { fleet, device } = scene;
    for (const end = performance.now() + 10_000; ; await sleep(100)) {
      const { isolations } = await fleet.json<{ isolations: Isolation[] }>(
        ...['isolations', 'list', '--device', device.name],
      );
      if (isolations[0]?.endedAt === undefined && performance.now() < end) continue;
      const { observed } = await fleet.untilCurrent(device.name);
      expect(observed?.state).to.equal('ISOLATION_STATE_RELEASED');
      return isolations[0];
    }
  }

  it('shows the exclusions in force while isolated, and none otherwise', async () => {
    const shown = async (): Promise<[string, number]> => {
      const { exclusions } = JSON.parse((await isolation('/show', '--json')).stdout) as {
        exclusions: unknown[];
      };
      return [(await isolation('/show')).stdout, exclusions.length];
    };
    const [before, listedBefore] = await shown();
    expect(before)
      .to.match(/^exclusions +shown only while isolated$/m)
      .and.not.to.contain('remote port 123');
    expect(listedBefore).to.equal(0);
    await scene.isolate();
    const [during, listed] = await shown();
    expect(during).to.match(/^ {2}passes +time: out, UDP, remote port 123$/m);
    expect(listed).to.equal(1);
    expect(await outcomes()).to.deep.equal(['refused', 'refused']);
  });

  it('is found through the PATH, from any folder', async () => {
    const { fleet, device } = scene;
    const folder = mkdtempSync(join(tmpdir(), 'cordon-path-'));
    symlinkSync(join(packageRoot, 'bin', 'cordon-agent'), join(folder, 'cordon-agent'));
    const call = 'cd / && PATH="$1:$PATH" && cordon-agent isolation /show --control-socket "$2"';
    const words = ['-c', call, 'sh', folder, fleet.controlSocket(device)];
    const { code, stdout, stderr } = await device.exec('sh', words);
    rmSync(folder, { recursive: true });
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^mode +manual$/m);
  });

  it('offers nothing at the device that changes a setting', async () => {
    expect(Object.keys(LocalServiceService)).to.have.members([
      'showIsolation',
      'disableIsolation',
      'reportDetection',
      'redeemOfflineCode',
      'listQuarantine',
      'restoreQuarantined',
      'deleteQuarantined',
    ]);
    const settings = async (): Promise<unknown> => {
      const { manualSettings, automaticSettings } = JSON.parse(
        (await isolation('/show', '--json')).stdout,
      ) as Record<string, unknown>;
      return { manualSettings, automaticSettings };
    };
    const before = await settings();
    expect(JSON.stringify(before), 'control').to.contain('10800s');
    const words = ['/release_delay=1m', '/exclusions=none', '--release-delay=1m'];
    const ended = await Promise.all(words.map((word) => isolation('/disable', word)));
    expect(ended.map(({ code }) => code)).to.deep.equal([4, 4, 4]);
    expect(await settings()).to.deep.equal(before);
  });

  it('refuses a wrong password and none, keeps the device isolated, and the audit list says who tried', async () => {
    expect((await isolation('/disable')).code, 'root without a password').to.equal(1);
    const wrong = await isolation('/disable', '/PWD=sesam');
    expect(wrong).to.include({ code: 2, stderr: 'cordon-agent: not released: wrong password\n' });
    expect(await outcomes()).to.deep.equal(['refused', 'refused']);
    expect(await untilRefused(2)).to.deep.equal([
      { user: 'root', detail: 'wrong password' },
      { user: 'root', detail: 'a password is needed, and none was given' },
    ]);
  });

  itNeeding(
    ACCOUNTS,
    'takes /login of a user only while the policy lists that user, and the history names the user',
    async () => {
      const { fleet, device } = scene;
      const user = new TestUser('anmelden 1');
      try {
        const login = ['/disable', `/login=${user.name}`, '/PWD=anmelden 1'];
        const unlisted = await isolation(...login);
        expect(unlisted.code, unlisted.stderr).to.equal(2);
        expect(unlisted.stderr).to.contain(`does not list the user ${user.name}`);
        expect((await untilRefused(3))[0]).to.include({ user: user.name });
        await fleet.apply('policy', { name: 'plant', local_release: { users: [user.name] } });
        await fleet.untilCurrent(device.name);
        const listed = await isolation(...login);
        expect(listed.code, listed.stderr).to.equal(0);
        expect(await ended()).to.include({
          endCause: 'ISOLATION_END_CAUSE_LOCAL',
          releasedBy: `local:${user.name}`,
        });
      } finally {
        user.remove();
      }
    },
  );

  it('takes the password that "cordon policy set-password" set, once: then there is nothing to release', async () => {
    await scene.isolate();
    expect(await outcomes()).to.deep.equal(['refused', 'refused']);
    const right = await isolation('/disable', `/PWD=${PASSWORD}`);
    expect(right.code, right.stderr).to.equal(0);
    expect((await isolation('/disable', `/PWD=${PASSWORD}`)).code).to.equal(9);
    expect(await outcomes()).to.deep.equal(['open', 'open']);
    expect(await ended()).to.include({ endCause: 'ISOLATION_END_CAUSE_LOCAL', releasedBy: 'local:root' });
  });

  it('keeps the password in clear nowhere: not in a file or log of server or device', () => {
    const texts = filesBelow(scene.fleet.dataFolder).map((file) => readFileSync(file));
    expect(
      texts.some((text) => text.includes('$scrypt$')),
      'control: its hash is there',
    ).to.equal(true);
    expect(texts.filter((text) => text.includes(PASSWORD))).to.deep.equal([]);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
