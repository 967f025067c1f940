import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Quarantine } from '../../agent/detect/quarantine/quarantine.js';
import { systemClock } from '../../shared/clock.js';
import { newId } from '../../shared/ids.js';
import { IsolatedDevice } from './isolated-device.js';

/** What an administrator of the computer does with files in quarantine; all through the real binary. */
describe('cordon-agent quarantine', function () {
  this.timeout(60_000);
  let device: IsolatedDevice;
  let folder: string;
  /** Ids of two files that were put away before the agent started, `one` and `two`. */
  let ids: string[];

  before(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-put-away-')));
    device = await IsolatedDevice.make(undefined);
    const quarantine = new Quarantine({
      dataDir: device.folder,
      clock: systemClock,
      protects: () => undefined,
    });
    ids = [];
    for (const name of ['one', 'two']) {
      const path = join(folder, name);
      writeFileSync(path, name);
      ids.push((await quarantine.add({ id: newId(), path, reason: 'Zeus\u001b[2J', hashes: {} })).id);
    }
    await device.start();
  });
  after(async () => {
    await device.close();
    rmSync(folder, { recursive: true });
  });

  const run = (...words: string[]): ReturnType<IsolatedDevice['command']> =>
    device.command(['quarantine', ...words, '--control-socket', device.socket]);

  it('lists them, and lets no name or title move the cursor', async () => {
    const { code, stdout } = await run('list');
    expect(code).to.equal(0);
    for (const id of ids) expect(stdout).to.contain(id);
    expect(stdout).to.contain(join(folder, 'one')).and.to.contain('reason  Zeus?[2J');
  });

  it('puts one back, once', async () => {
    const [one = ''] = ids;
    expect(await run('restore', one)).to.include({ code: 0, stdout: `restored: ${join(folder, 'one')}\n` });
    expect(readFileSync(join(folder, 'one'), 'utf8')).to.equal('one');
    const again = await run('restore', one);
    expect(again.code).to.equal(1);
    expect(again.stderr).to.equal(`cordon-agent: no file in quarantine has the id ${one}\n`);
  });

  it('does not put one over a file that is there, and destroys it only when told twice', async () => {
    const [, two = ''] = ids;
    writeFileSync(join(folder, 'two'), 'new');
    expect((await run('restore', two)).stderr).to.equal('cordon-agent: a file is there now\n');
    expect((await run('delete', two)).code).to.equal(2);
    expect((await run('list')).stdout).to.contain(two);
    await purgeIsRefused();
    expect((await run('delete', two, '--yes')).code).to.equal(0);
    expect(await run('list')).to.include({ code: 0, stdout: 'nothing is in quarantine\n' });
    expect(readFileSync(join(folder, 'two'), 'utf8')).to.equal('new');
  });

  it('leaves nothing behind after a purge', async () => {
    await device.kill();
    writeFileSync(join(device.folder, 'quarantine', 'x.json'), '{}');
    await purgeIsRefused();
    const { code, stderr } = await purge('--with-quarantine');
    expect(code, stderr).to.equal(0);
    expect(existsSync(join(device.folder, 'quarantine'))).to.equal(false);
    expect(existsSync(join(device.folder, 'device-id'))).to.equal(false);
  });

  const purge = (...words: string[]): ReturnType<IsolatedDevice['command']> => {
    const places = ['--data-dir', device.folder, '--control-socket', device.socket];
    return device.command(['purge', '--yes', '--enforcer', 'recording', ...places, ...words]);
  };

  /** It would take away the only way to put a file back. */
  async function purgeIsRefused(): Promise<void> {
    const { code, stderr } = await purge();
    expect(code).to.equal(2);
    expect(stderr).to.match(/holds 1 file that only the agent can put back; .*--with-quarantine/);
    expect(existsSync(join(device.folder, 'device-id'))).to.equal(true);
  }
});
