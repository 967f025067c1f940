import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { packageRoot } from '../../../shared/package-root.js';
import { callCordon, type Ended } from '../../fakes/call-cordon.js';
import { RealAgent } from '../../fault/real-agent.js';
import { RealServer } from '../../fault/real-server.js';

const ZEUS = `<?xml version="1.0"?>
<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="11111111-2222-3333-4444-555555555555">
  <short_description>Zeus</short_description>
  <definition><Indicator operator="OR" id="r">
    <IndicatorItem id="i" condition="is"><Context document="FileItem" search="FileItem/Md5sum" type="mir"/>
      <Content type="md5">d41d8cd98f00b204e9800998ecf8427e</Content></IndicatorItem>
    <IndicatorItem id="j" condition="is"><Context document="FileItem" search="FileItem/Colour" type="mir"/>
      <Content type="string">red</Content></IndicatorItem>
  </Indicator></definition>
</ioc>
`;

/** The same commands with the real server, and an agent that blocks nothing. */
describe('an operator with cordon and detections', function () {
  this.timeout(30_000);
  let server: RealServer;
  let agent: RealAgent;
  let folder: string;

  before(async () => {
    server = await RealServer.open();
    folder = mkdtempSync(join(tmpdir(), 'cordon-served-'));
    const client = server.connect();
    agent = await RealAgent.enrol(client, server);
    client.close();
    await done('devices', 'rename', agent.id, 'press');
    await done('policy', 'create', 'all', '--group', 'root', '--trusted-detector', 'edr');
    writeFileSync(join(folder, 'zeus.ioc'), ZEUS);
  });

  after(async () => {
    await agent.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const call = (...words: string[]): Promise<Ended> => callCordon(words, server.operatorEnvironment());

  async function done(...words: string[]): Promise<string> {
    const ended = await call(...words);
    expect(ended.stderr, words.join(' ')).to.equal('');
    expect(ended.code, words.join(' ')).to.equal(0);
    return ended.stdout;
  }

  /** Runs `cordon-agent report-detection` on the device. */
  async function report(...words: string[]): Promise<void> {
    const program = join(packageRoot, 'bin', 'cordon-agent');
    const socket = ['--control-socket', join(agent.folder, 'control.sock')];
    await promisify(execFile)(process.execPath, [program, 'report-detection', ...words, ...socket]);
  }

  it('stores a document, uses it in a scan, and cannot remove it before the scan is gone', async () => {
    const added = await done('ioc', 'add', join(folder, 'zeus.ioc'));
    expect(added)
      .to.contain('stored: "Zeus", 1 terms')
      .and.to.contain('1 term counts as no match: FileItem/Colour');
    expect(await done('ioc', 'show', 'Zeus', '--content')).to.equal(ZEUS);
    writeFileSync(join(folder, 'bad.xml'), '<ioc><definition>');
    const bad = await call('ioc', 'add', join(folder, 'bad.xml'));
    expect(bad.stdout).to.match(/bad.xml: REFUSED: .*content/);
    expect(bad.code).to.equal(1);

    const made = await done(
      ...'scan create nightly --document Zeus --group root --daily 03:00 --spread 30m'.split(' '),
      ...'--time-zone Europe/Berlin --cpu 20 --exclude /proc --respond isolate'.split(' '),
    );
    expect(made).to.contain('every day at 03:00 (Europe/Berlin), spread over 30m');
    const changed = await done(
      ...'scan set nightly --weekly sun,mon_04:30 --rename weekly'.replace('_', ' ').split(/ (?!04)/),
    );
    expect(changed).to.contain('changed scan weekly for group root: every Sunday and Monday at 04:30');
    const shown = await done('scan', 'show', 'weekly');
    expect(shown)
      .to.match(/up to 20 %/)
      .and.to.match(/Zeus +[0-9a-f]{12}/);
    const wrong = await call('scan', 'set', 'weekly', '--cron', '* * * * *');
    expect(wrong.stderr).to.contain('schedule');
    expect(wrong.code).to.equal(2);

    const used = await call('ioc', 'remove', 'Zeus');
    expect(used.stderr).to.contain('"weekly"').and.to.contain('cordon scan list');
    await done('scan', 'remove', 'weekly', '--yes');
    await done('ioc', 'remove', 'Zeus');
    expect(await done('ioc', 'list')).to.contain('no documents');
  });

  it('runs a scan on one device, sees the run, and ends it', async () => {
    await agent.stop();
    await done('ioc', 'add', join(folder, 'zeus.ioc'));
    await done(...'scan create once --document Zeus --device press'.split(' '));
    expect(await done('scan', 'run', 'once')).to.contain('told 1 device to scan');
    const again = await call('scan', 'run', 'once');
    expect(again.stderr).to.contain('1 device left out');
    expect(await done('scan', 'status', 'once')).to.match(/press +pending/);
    expect(await done('command', 'list', '--task', 'once')).to.match(/press +scan once +pending/);
    await done('scan', 'pause', 'once');
    await done('scan', 'resume', 'once');
    expect(await done('scan', 'cancel', 'once')).to.equal('press: cancelled\n');
    const nothing = await call('scan', 'cancel', 'once');
    expect(nothing.stderr).to.contain('no run of once is under way');
    expect(nothing.code).to.equal(1);
    const waited = call('scan', 'run', 'once', '--wait', '--timeout', '1s');
    expect((await waited).stderr)
      .to.contain('press: waits for the device\n')
      .and.to.contain('did not finish');
    expect((await waited).code).to.equal(3);
    await done('scan', 'cancel', 'once');
    await agent.start();
  });

  it('sees what another tool reports, decides on it, and hands it to a SIEM', async () => {
    writeFileSync(join(folder, 'details.json'), '{"file":"/tmp/x"}');
    await report('--source', 'edr', '--rule', 'r1', '--details', join(folder, 'details.json'));
    const lines: string[] = [];
    let stop = (): void => {};
    const watching = callCordon(
      ['alerts', 'watch', '--open', '--device', 'press'],
      server.operatorEnvironment(),
      '',
      undefined,
      { onOutput: (text) => lines.push(text), onInterrupt: (interrupt) => (stop = interrupt) },
    );
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    stop();
    expect((await watching).code).to.equal(0);
    expect(lines[0]).to.match(/press {2}.*r1.*: reported by edr {2}open/);

    const [id = ''] = /^[0-9a-f]{8}(?= )/m.exec(await done('alerts', 'list')) ?? [];
    expect(await done('alerts', 'show', id)).to.contain('"file": "/tmp/x"');
    await done('alerts', 'comment', id, 'who is this?');
    const isolate = await call('alerts', 'isolate', id, '--reason', 'case', '--wait');
    // The agent of this test blocks nothing, and is never taken for isolated.
    expect(isolate.stderr).to.match(/press: FAILED: .*simulation/);
    expect(isolate.code).to.equal(1);
    await done('release', 'press', '--reason', 'over');
    await done('alerts', 'close', id, '--comment', 'a drill');
    const shown = await done('alerts', 'show', id);
    expect(shown)
      .to.contain('who is this?')
      .and.to.contain('a drill')
      .and.to.match(/State +closed/);
    const again = await call('alerts', 'close', id);
    expect(again.stderr).to.contain(`"cordon alerts show ${id}"`);
    expect(again.code).to.equal(1);

    const events = (await done('events', 'export')).trimEnd().split('\n');
    const read = events.map((line) => JSON.parse(line) as { sequence: number; action: string });
    expect(read.map(({ sequence }) => sequence)).to.deep.equal(events.map((_, at) => at + 1));
    expect(read.map(({ action }) => action)).to.include.members(['alert.raised', 'alert.close']);
  });

  it('is told when the device does not know a command for its quarantine, or what is in it', async () => {
    const ended = await call('quarantine', 'list', 'press');
    expect(ended.stdout + ended.stderr).to.match(/the quarantine is empty|rejected/);
  });
});
