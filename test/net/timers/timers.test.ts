import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createSite, itNeeding, requireNetAdmin, type Site } from '../site/index.js';
import { SteeredAgent } from '../steered/steered-agent.js';
import { SteeredServer } from '../steered/steered-server.js';
import { BootTime } from './boot-time.js';
import { CrossingWatch } from './crossing-watch.js';
import { TimedDevice } from './timed-device.js';

requireNetAdmin();

/** The shortest delay that may be set. */
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const LONGER_MS = 65_000;
/** When a delay that was 1 minute has certainly not released. */
const WELL_AFTER_MS = 62_500;

const LIBFAKETIME = ['x86_64', 'aarch64', 'i386', 'arm']
  .map(
    (machine) =>
      `/usr/lib/${machine}-linux-gnu${machine === 'arm' ? 'eabihf' : ''}/faketime/libfaketimeMT.so.1`,
  )
  .find((path) => existsSync(path));

/** Runs the agent's binary with a wall clock of its own; `file` says how far it is off, and takes effect at once. */
function wallClock(file: string): Record<string, string> {
  return {
    LD_PRELOAD: LIBFAKETIME ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    // Only the wall clock is set: timers of the agent, and of the kernel, go on as they are.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

interface Place {
  readonly device: TimedDevice;
  /** For files of this story. */
  readonly folder: string;
}

interface Story {
  readonly title: string;
  readonly needs?: { readonly met: boolean; readonly why: string };
  readonly run: (place: Place) => Promise<void>;
}

const FAKETIME = { met: LIBFAKETIME !== undefined, why: 'libfaketime is missing: apt-get install faketime' };

/** Each on a device of its own, all at the same time: the shortest delay is a minute. */
const STORIES: readonly Story[] = [
  {
    title: 'releases on time while the agent lives, and tells that the delay ran out',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(MINUTE_MS);
      await device.expectReleasedAfter(MINUTE_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title:
      'releases on time by the kernel alone after kill -9 of the agent; the next agent cleans up and tells',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(MINUTE_MS);
      await device.agent.kill();
      await device.expectReleasedAfter(MINUTE_MS);
      expect(await device.holdSet(), 'nobody but the kernel let go').to.contain('set hold');
      expect(await device.holdSet()).not.to.contain('ipv4');
      await device.agent.start();
      await device.expectEndedByDeadline();
    },
  },
  {
    title: 'releases on time after kill -9 and a restart in between',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(MINUTE_MS);
      await device.agent.kill();
      await device.until(15_000);
      await device.agent.start();
      device.expectNothingCrossed();
      await device.expectReleasedAfter(MINUTE_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title:
      'releases on time although the wall clock is set 3 hours forward and then 3 hours back (libfaketime)',
    needs: FAKETIME,
    run: async ({ device, folder }) => {
      const file = join(folder, 'wall');
      writeFileSync(file, '+0\n');
      await device.agent.start({ environment: wallClock(file) });
      await device.isolate(MINUTE_MS);
      await device.until(10_000);
      writeFileSync(file, '+3h\n');
      await device.until(35_000);
      device.expectNothingCrossed();
      expect(await device.wallIsOffByMs(MINUTE_MS), 'control').to.be.closeTo(3 * HOUR_MS, MINUTE_MS);
      writeFileSync(file, '-3h\n');
      await device.until(40_000);
      expect(await device.wallIsOffByMs(MINUTE_MS), 'control').to.be.closeTo(-3 * HOUR_MS, MINUTE_MS);
      await device.expectReleasedAfter(MINUTE_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title:
      'releases on time when the agent is killed and restarted with a wall clock 3 hours ahead (libfaketime)',
    needs: FAKETIME,
    run: async ({ device, folder }) => {
      const file = join(folder, 'wall');
      await device.agent.start();
      await device.isolate(MINUTE_MS);
      await device.agent.kill();
      writeFileSync(file, '+3h\n');
      await device.until(20_000);
      await device.agent.start({ environment: wallClock(file) });
      device.expectNothingCrossed();
      expect(await device.wallIsOffByMs(MINUTE_MS), 'control').to.be.closeTo(3 * HOUR_MS, MINUTE_MS);
      await device.expectReleasedAfter(MINUTE_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title: 'counts a delay from enforcement when it is made shorter on an isolated device',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(8 * HOUR_MS);
      await device.until(30_000);
      device.expectNothingCrossed();
      await device.change(MINUTE_MS);
      await device.expectReleasedAfter(MINUTE_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title: 'counts a delay from enforcement when it is made longer on an isolated device',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(MINUTE_MS);
      await device.until(40_000);
      await device.change(LONGER_MS);
      await device.until(WELL_AFTER_MS);
      device.expectNothingCrossed();
      await device.expectReleasedAfter(LONGER_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title: 'releases an automatic isolation on time, by the delay of the policy',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolateByDetection(MINUTE_MS);
      await device.until(30_000);
      device.expectNothingCrossed();
      await device.expectReleasedAfter(MINUTE_MS);
      await device.expectEndedByDeadline();
    },
  },
  {
    title: 'never releases with a delay of 0: neither the kernel nor the agent has a deadline',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(0);
      expect(await device.holdSet())
        .to.contain('ipv4')
        .and.not.to.contain('expires');
      await device.until(WELL_AFTER_MS);
      device.expectNothingCrossed();
      expect(await device.holdSet())
        .to.contain('ipv4')
        .and.not.to.contain('expires');
    },
  },
  {
    title: 'never releases once a delay of 1 minute was changed to 0',
    run: async ({ device }) => {
      await device.agent.start();
      await device.isolate(MINUTE_MS);
      expect(await device.holdSet(), 'control').to.contain('expires');
      await device.until(45_000);
      await device.change(0);
      expect(await device.holdSet())
        .to.contain('ipv4')
        .and.not.to.contain('expires');
      await device.until(WELL_AFTER_MS);
      device.expectNothingCrossed();
    },
  },
  {
    title:
      'sets the kernel to what is left after a suspend: it releases on time although the agent is killed then',
    run: async ({ device, folder }) => {
      // Not a real suspend: what the agent sees of one. The time since boot moves on, the timers of kernel and agent do not.
      const boot = new BootTime(join(folder, 'uptime'));
      await device.agent.start({ wrapper: boot.wrapper });
      await device.isolate(HOUR_MS);
      await device.until(10_000);
      expect(await device.kernelHoldsForMs(), 'control').to.be.above(HOUR_MS - 30_000);
      boot.sleep(HOUR_MS - 40_000);
      await device.until(13_000);
      expect(await device.kernelHoldsForMs()).to.be.within(1, 30_000);
      await device.agent.kill();
      device.expectNothingCrossed();
      await device.expectReleasedAfter(40_000);
      boot.close();
    },
  },
  {
    title: 'releases within 2 s of the resume when the delay ran out during a suspend',
    run: async ({ device, folder }) => {
      const boot = new BootTime(join(folder, 'uptime'));
      await device.agent.start({ wrapper: boot.wrapper });
      await device.isolate(HOUR_MS);
      await device.until(10_000);
      device.expectNothingCrossed();
      const fromMs = performance.now();
      boot.sleep(HOUR_MS);
      await device.expectReleasedBetween({ fromMs, toMs: fromMs + 1_000 });
      await device.expectEndedByDeadline();
      boot.close();
    },
  },
];

describe('release delay on a real device with the real agent', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-timers-'));
  const running: Promise<void>[] = [];
  let site: Site | undefined;
  let watch: CrossingWatch | undefined;

  before(async () => {
    const made = (site = createSite({ devices: STORIES.length, routed: false }));
    const server = await SteeredServer.start(made.server);
    const watching = (watch = await CrossingWatch.start(made.outside, made.devices));
    const tell = async ({ needs, run }: Story, index: number): Promise<void> => {
      const host = made.devices[index];
      if (!host || needs?.met === false) return;
      const agent = await SteeredAgent.enrolled(host, join(folder, host.name), server, made.server);
      await run({ device: new TimedDevice(agent, server, watching), folder: join(folder, host.name) });
    };
    running.push(...STORIES.map(tell));
    // A story that fails is told by its own test.
    for (const story of running) story.catch(() => undefined);
  });
  after(async () => {
    await watch?.stop();
    site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  STORIES.forEach(({ title, needs = { met: true, why: '' } }, index) =>
    itNeeding(needs, title, () => running[index] ?? Promise.reject(new Error('the site did not start'))),
  );
});
