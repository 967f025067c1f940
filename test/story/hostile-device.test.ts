import { expect } from 'chai';
import { auditService } from '../../server/api/audit-service.js';
import { deviceMessage } from '../../server/api/messages.js';
import { isolationService } from '../../server/api/isolation-service.js';
import type { Query } from '../../server/api/rpc.js';
import { commandMessage, selectCommands } from '../../server/commands/command-rows.js';
import { enqueue, type NewCommand } from '../../server/commands/queue.js';
import { appendAudits } from '../../server/store/audit.js';
import { AuditRecord } from '../../shared/gen/cordon/v1/audit.js';
import {
  ListAuditRecordsRequest,
  ListAuditRecordsResponse,
} from '../../shared/gen/cordon/v1/audit_service.js';
import { AgentEvent, CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  Command,
  CommandSpec,
  CommandState,
  IocScanResult,
  QuarantinedFile,
  ScanProblem,
  type CommandResult,
} from '../../shared/gen/cordon/v1/command.js';
import { Device } from '../../shared/gen/cordon/v1/device.js';
import {
  IsolationEndCause,
  IsolationMode,
  IsolationState,
  ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import {
  ListIsolationsRequest,
  ListIsolationsResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { LinkSite, type ToldAgent } from './server-link-site.js';

const NEVER = { seconds: 2n ** 63n - 1n, nanos: 2_000_000_000 };
const CLIENT_TAKES = 4 * 1024 * 1024;
const VIEWER = { operatorName: 'eve', tokenId: 'token', role: Role.ROLE_VIEWER, peer: 'test' };

describe('a device that somebody else owns', () => {
  let site: LinkSite;
  let device: string;
  let agent: ToldAgent;

  beforeEach(async () => {
    site = await LinkSite.open();
    device = await site.device('web-1');
    agent = site.agent(device);
    await agent.hello();
  });

  afterEach(() => site.close());

  const report = (observed: Partial<ObservedIsolation>): Promise<void> => {
    if (!agent.desired) throw new Error('no desired state came');
    return agent.applied({ ...agent.desired, nonce: 0n }, observed);
  };
  const event = (value: AgentEvent['event']): Promise<void> =>
    agent.say({ $case: 'event', value: AgentEvent.fromPartial({ id: newId(), event: value }) });
  const history = async (): Promise<ListIsolationsResponse> => {
    const { store, clock, deps } = site;
    const service = isolationService({
      db: store.read,
      settings: deps.settings,
      clock,
      isOnline: () => false,
      changed: () => undefined,
    });
    const list = service.listIsolations as Query<ListIsolationsRequest, ListIsolationsResponse>;
    return list.run(VIEWER, ListIsolationsRequest.fromPartial({}));
  };
  const audit = (request: Partial<ListAuditRecordsRequest>): Promise<ListAuditRecordsResponse> => {
    const list = auditService({ store: site.store }).listAuditRecords as Query<
      ListAuditRecordsRequest,
      ListAuditRecordsResponse
    >;
    return list.run(VIEWER, ListAuditRecordsRequest.fromPartial(request));
  };
  const record = async (): Promise<Device> => {
    const row = await site.store.read
      .selectFrom('devices')
      .selectAll()
      .where('id', '=', device)
      .executeTakeFirstOrThrow();
    return deviceMessage(row, { online: true, groupPath: '' });
  };

  const commandFor = (deviceId: string): NewCommand => ({
    deviceId,
    spec: CommandSpec.fromPartial({ work: { $case: 'selfTest', value: {} } }),
    requestedBy: 'eve',
    now: site.clock.wall(),
    expiresInMs: 3_600_000,
    runTimeoutMs: 60_000,
  });

  const AUTOMATIC = {
    mode: IsolationMode.ISOLATION_MODE_AUTOMATIC,
    reason: 'detected',
    requestedBy: 'ioc-scan',
  };

  it('cannot make the history or its record unreadable with times that nobody can print', async () => {
    const isolationId = newId();
    const times = { enforcedAt: NEVER, until: NEVER, enforceLatency: NEVER };
    await report({ ...AUTOMATIC, isolationId, ...times });
    const response = await history();
    expect(response.isolations.map(({ id }) => id)).to.deep.equal([isolationId]);
    expect(ListIsolationsResponse.encode(response).finish().length).to.be.greaterThan(0);
    expect(toProtoJson('ListIsolationsResponse', ListIsolationsResponse, response)).to.be.an('object');
    expect(toProtoJson('Device', Device, await record())).to.be.an('object');

    await report({
      isolationId,
      state: IsolationState.ISOLATION_STATE_RELEASED,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_LOCAL,
      endedAt: NEVER,
    });
    const ended = await history();
    expect(toProtoJson('ListIsolationsResponse', ListIsolationsResponse, ended)).to.be.an('object');
    expect(ended.isolations[0]?.endedAt).not.to.equal(undefined);
  });

  it('cannot make lists of commands unreadable with the results of its own', async () => {
    const observed = ObservedIsolation.fromPartial({ enforcedAt: NEVER, until: NEVER });
    const file = QuarantinedFile.fromPartial({ path: 'x'.repeat(5000), quarantinedAt: NEVER });
    const usual = QuarantinedFile.fromPartial({ path: '/srv/a', quarantinedAt: { seconds: 1n, nanos: 0 } });
    const problem = ScanProblem.fromPartial({ subject: '/srv/a' });
    const scan = IocScanResult.fromPartial({
      worked: NEVER,
      problems: Array<ScanProblem>(500).fill(problem),
    });
    const outcomes: CommandResult['outcome'][] = [
      { $case: 'selfTest', value: { observed } },
      { $case: 'listQuarantine', value: { files: [file, usual] } },
      { $case: 'iocScan', value: scan },
    ];
    const ids: string[] = [];
    for (const outcome of outcomes) {
      const { id } = await site.store.write((tx) => enqueue(tx, commandFor(device)));
      ids.push(id);
      const state = CommandState.COMMAND_STATE_SUCCEEDED;
      const value = CommandUpdate.fromPartial({ id, state, result: { outcome } });
      await agent.say({ $case: 'commandUpdate', value });
    }
    const rows = await selectCommands(site.store.read).orderBy('commands.id').execute();
    const commands = rows.map(commandMessage);
    expect(commands.map(({ id }) => id)).to.deep.equal(ids);
    for (const command of commands) expect(toProtoJson('Command', Command, command)).to.be.an('object');
    const [, listed, scanned] = commands.map(({ result }) => result?.outcome);
    if (listed?.$case !== 'listQuarantine' || scanned?.$case !== 'iocScan') throw new Error('not kept');
    expect(listed.value.files.map(({ path }) => path.length)).to.deep.equal([4096, 6]);
    expect(listed.value.files[1], 'what can be printed is kept as it is').to.deep.equal(usual);
    expect(scanned.value.problems).to.have.lengthOf(100);
  });

  it('cannot fill the answers that it is part of', async () => {
    const long = 'x'.repeat(300_000);
    await report({ ...AUTOMATIC, isolationId: newId(), reason: long, requestedBy: long });
    await report({ ...AUTOMATIC, isolationId: long });
    expect(Device.encode(await record()).finish().length).to.be.lessThan(10_000);
    expect(ListIsolationsResponse.encode(await history()).finish().length).to.be.lessThan(10_000);
  });

  it('cannot fill the audit with its words, nor keep anybody from reading it', async () => {
    const words = '\u{1f4a3}'.repeat(200_000);
    for (let count = 0; count < 20; count += 1) {
      await event({ $case: 'releaseRefused', value: { user: words, detail: words } });
      await event({ $case: 'tamperDetected', value: { detail: words, restoredAt: undefined } });
    }
    const { records } = await audit({ pageSize: 1000 });
    expect(records).to.have.lengthOf(40);
    expect(records.reduce((sum, one) => sum + AuditRecord.encode(one).finish().length, 0)).to.be.lessThan(
      200_000,
    );
  });

  it('cannot be shown as released by an operator who did not', async () => {
    const isolationId = newId();
    await report({ ...AUTOMATIC, isolationId });
    await report({
      isolationId,
      state: IsolationState.ISOLATION_STATE_RELEASED,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_LOCAL,
      endedBy: 'ada',
    });
    expect((await history()).isolations[0]?.releasedBy).to.equal('local:ada');
  });

  it('leaves the audit readable page by page, as much as an answer can carry', async () => {
    const reason = '\u{1f4a3}'.repeat(1000);
    await site.store.write(async (tx) => {
      const entry = { occurredAt: 0, actor: 'ada', action: 'isolation.isolate', reason, details: { reason } };
      await appendAudits(
        tx,
        Array.from({ length: 1500 }, () => entry),
      );
    });
    let read = 0;
    let pageToken = '';
    do {
      const page = await audit({ pageSize: 1000, pageToken });
      expect(ListAuditRecordsResponse.encode(page).finish().length).to.be.lessThan(CLIENT_TAKES);
      read += page.records.length;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(read).to.equal(1500);
  });
});
