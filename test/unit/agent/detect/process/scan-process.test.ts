import { expect } from 'chai';
import { startScan, type RunningScan } from '../../../../../agent/detect/process/scan-process.js';
import type { Checkpoint, ScanMatch } from '../../../../../agent/detect/scan-messages.js';
import type { IocScanSettings } from '../../../../../shared/gen/cordon/v1/ioc.js';
import { systemClock } from '../../../../../shared/clock.js';
import { FakeClock } from '../../../../fakes/fake-clock.js';
import { md5, ScanSite } from '../../../../fakes/scan-site.js';

describe('the scan process', () => {
  let site: ScanSite;
  let running: RunningScan | undefined;
  beforeEach(() => (site = new ScanSite()));
  afterEach(() => {
    running?.kill();
    site.close();
  });

  interface Options {
    readonly settings?: Partial<IocScanSettings>;
    readonly checkpoint?: Checkpoint;
    readonly onMatch?: (match: ScanMatch) => Promise<void>;
  }
  const start = ({ settings = {}, checkpoint, onMatch }: Options, clock = systemClock) => {
    const matches: ScanMatch[] = [];
    const checkpoints: Checkpoint[] = [];
    let moved = 0;
    const scan = startScan(
      site.order(settings, checkpoint),
      {
        match: async (match) => {
          await onMatch?.(match);
          matches.push(match);
        },
        progress: (progress) => {
          moved = Number(progress.progress.filesScanned);
          checkpoints.push(progress.checkpoint);
        },
      },
      clock,
    );
    running = scan;
    return { scan, matches, checkpoints, files: () => moved };
  };

  it('scans, is acknowledged, and ends with the result', async () => {
    site.file('evil', 'evil content');
    site.document('d', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil content') }]);
    const { scan, matches } = start({});
    const end = await scan.ended;
    expect(end.kind === 'done' && end.result.detections).to.equal(1);
    expect(matches[0]?.file).to.equal(`${site.tree}/evil`);
  });

  it('tells no further match before the last one is safe', async () => {
    for (const name of ['a', 'b', 'c']) site.file(`${name}/evil`);
    site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'evil' }]);
    let open = 0;
    let most = 0;
    const { scan, matches } = start({
      onMatch: async () => {
        most = Math.max(most, (open += 1));
        await new Promise((resolve) => setTimeout(resolve, 50));
        open -= 1;
      },
    });
    await scan.ended;
    expect([matches.length, most]).to.deep.equal([3, 1]);
  });

  it('killed in the middle of a scan, it is followed by one that loses and doubles nothing', async () => {
    for (let at = 0; at < 600; at++)
      site.file(`d${at % 20}/f${String(at).padStart(3, '0')}`, at % 30 === 0 ? 'evil' : `c${at}`);
    site.document('d', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil') }]);
    const first = start({
      onMatch: async () => {
        if (first.matches.length === 9) process.kill(first.scan.pid ?? -1, 'SIGKILL');
        return Promise.resolve();
      },
    });
    const end = await first.scan.ended;
    expect(end.kind === 'failed' && end.detail).to.contain('SIGKILL');
    const second = start({ checkpoint: first.checkpoints.at(-1) });
    const last = await second.scan.ended;
    expect(last.kind === 'done' && last.result.restarts).to.equal(1);
    const keys = [...first.matches, ...second.matches].map(({ key }) => key);
    expect(new Set(keys).size).to.equal(20);
    // The match at which it was killed may come again, with its key.
    expect(keys.length).to.be.at.most(21);
  });

  it('pauses, goes on and is cancelled within a moment', async function () {
    this.timeout(10_000);
    for (let at = 0; at < 40; at++) site.file(`f${at}`, Buffer.alloc(1_000_000, at));
    site.document('d', 'OR', [{ term: 'FileItem/Md5sum', content: md5('nothing') }]);
    const { scan, files } = start({ settings: { maxBytesPerSecond: 8_000_000n } });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    scan.pause();
    await new Promise((resolve) => setTimeout(resolve, 700));
    const standing = files();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(files()).to.equal(standing);
    scan.resume();
    const started = performance.now();
    scan.cancel();
    const end = await scan.ended;
    expect(performance.now() - started).to.be.lessThan(1500);
    expect(end.kind === 'done' && Number(end.result.filesScanned)).to.be.lessThan(41);
  });

  it('is ended when it says nothing for a minute, and it is said at what', async () => {
    const clock = new FakeClock();
    const { scan } = start({}, clock);
    process.kill(scan.pid ?? -1, 'SIGSTOP');
    clock.advance(60_000);
    expect(await scan.ended).to.deep.include({
      kind: 'failed',
      detail: 'the scan said nothing for 60 s while starting, and was ended',
    });
  });

  it('fails when a match cannot be kept', async () => {
    site.file('evil');
    site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'evil' }]);
    const { scan } = start({ onMatch: () => Promise.reject(new Error('the disk is full')) });
    expect(await scan.ended).to.deep.equal({
      kind: 'failed',
      detail: 'a detection could not be kept: the disk is full',
    });
  });
});
