import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Capability, CommandOrder } from '../../../shared/gen/cordon/v1/agent_service.js';
import { CommandState } from '../../../shared/gen/cordon/v1/command.js';
import { ScanArea } from '../../../shared/gen/cordon/v1/ioc.js';
import { newId } from '../../../shared/ids.js';
import { toDuration } from '../../../shared/time.js';
import { createSite, requireNetAdmin, type Site } from '../site/index.js';
import { SteeredAgent } from '../steered/steered-agent.js';
import { SteeredServer } from '../steered/steered-server.js';
import { documentFor, plantHarmless } from './indicators.js';

requireNetAdmin();

const HEARTBEAT_MS = 1_000;
/** Lateness that a person would not notice and an operator may not see. */
const MOST_LATE_MS = 100;
const SCAN_SECONDS = 6;
const FILES = 3_000;
const FILE_BYTES = 100_000;

describe('the agent while it scans', function () {
  this.timeout(60_000);
  let site: Site;
  let server: SteeredServer;
  let agent: SteeredAgent;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-heartbeats-'));
    site = createSite({ devices: 1, routed: false });
    server = await SteeredServer.start(site.server, HEARTBEAT_MS);
    const [device] = site.devices;
    if (!device) throw new Error('the site has no device');
    agent = await SteeredAgent.enrolled(device, join(folder, 'data'), server, site.server);
    await agent.start();
  });
  after(() => {
    site.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('offers scans and quarantine', () => {
    const [hello] = server.saidBy(agent.deviceId);
    const offered = hello?.payload.$case === 'hello' ? hello.payload.value.capabilities : [];
    expect(offered).to.include.members([Capability.CAPABILITY_IOC_SCAN, Capability.CAPABILITY_QUARANTINE]);
  });

  it('sends no heartbeat later than 100 ms, and finds what it is to find', async () => {
    const scanned = join(folder, 'scanned');
    plantHarmless(scanned, FILES, FILE_BYTES);
    for (let n = 0; n < 20; n += 1) writeFileSync(join(scanned, `bad-${n}`), `harmful ${n}`);
    const harmful = [...Array(20).keys()].map((n) => `harmful ${n}`);
    const content = Buffer.from(documentFor('Heartbeats', harmful));
    const hash = createHash('sha256').update(content).digest();
    const id = newId();
    const value = {
      taskId: 'task',
      documentHashes: [hash],
      // However quick the computer is, the scan takes long enough for some heartbeats.
      settings: {
        area: ScanArea.SCAN_AREA_FOLDERS,
        folders: [scanned],
        cpuPercent: 50,
        maxBytesPerSecond: BigInt(Math.ceil((FILES * FILE_BYTES) / SCAN_SECONDS)),
      },
    };
    const spec = { work: { $case: 'iocScan' as const, value } };
    const order = CommandOrder.fromPartial({ id, spec, runTimeout: toDuration(60_000) });
    server.say(agent.deviceId, { $case: 'command', value: order });
    await server.until(agent.deviceId, ({ payload }) =>
      payload.$case === 'iocDocumentRequest' ? true : undefined,
    );
    server.say(agent.deviceId, { $case: 'iocDocumentContent', value: { hash, content, error: '' } });
    const step = (state: CommandState): Promise<number> =>
      server.until(
        agent.deviceId,
        ({ payload, atMs }) =>
          payload.$case === 'commandUpdate' && payload.value.state === state ? atMs : undefined,
        40_000,
      );
    const began = await step(CommandState.COMMAND_STATE_RUNNING);
    const ended = await step(CommandState.COMMAND_STATE_SUCCEEDED);
    const beats = server
      .saidBy(agent.deviceId)
      .filter(
        ({ payload, atMs }) => payload.$case === 'heartbeat' && atMs > began - HEARTBEAT_MS && atMs < ended,
      )
      .map(({ atMs }) => atMs);
    expect(beats.length, 'heartbeats during the scan').to.be.greaterThan(2);
    const late = beats.slice(1).map((at, n) => at - (beats[n] ?? 0) - HEARTBEAT_MS);
    expect(Math.max(...late), late.join(', ')).to.be.lessThan(MOST_LATE_MS);
    const found = server
      .saidBy(agent.deviceId)
      .filter(({ payload }) => payload.$case === 'event' && payload.value.event?.$case === 'detectionFound');
    expect(found).to.have.length(20);
  });
});
