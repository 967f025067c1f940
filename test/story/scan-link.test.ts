import { hash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { CompiledQuery, type Insertable } from 'kysely';
import { Capability, CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandServiceService } from '../../shared/gen/cordon/v1/command_service.js';
import type { CommandResult } from '../../shared/gen/cordon/v1/command.js';
import { Command, CommandSpec, CommandState, IocScanResult } from '../../shared/gen/cordon/v1/command.js';
import { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import { newId } from '../../shared/ids.js';
import { toTimestamp } from '../../shared/time.js';
import { endSilent, expireAllOverdue, forgetOld, forgetSpecs } from '../../server/commands/endings.js';
import { newCommandRow } from '../../server/commands/queue.js';
import type { CommandsTable } from '../../server/store/schema.js';
import { refused } from './desk.js';
import { DAY, HOUR, ScanDesk, iocText } from './scan-desk.js';
import { LinkSite, until, type ToldAgent } from './server-link-site.js';

const capabilities = [Capability.CAPABILITY_IOC_SCAN];

describe('scans on the way to a device', () => {
  let site: LinkSite;
  let desk: ScanDesk;
  let device: string;
  let document: Buffer;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new ScanDesk(site);
    device = await site.device('web-1');
    document = await desk.document('one');
  });

  afterEach(() => site.close());

  const scan = (given: Parameters<ScanDesk['scan']>[0] = {}) =>
    desk.scan({
      scope: { target: { $case: 'deviceId', value: 'web-1' } },
      documentHashes: [document],
      ...given,
    });

  /** A stream of the device. */
  async function connected(open: string[] = []): Promise<ToldAgent> {
    const agent = site.agent(device);
    await agent.hello({ capabilities, open });
    return agent;
  }

  const update = (agent: ToldAgent, id: string, given: Partial<CommandUpdate>): Promise<void> =>
    agent.say({ $case: 'commandUpdate', value: { ...CommandUpdate.fromPartial({}), id, ...given } });

  async function read(id: string): Promise<Command> {
    const { command } = await desk.call(CommandServiceService.getCommand, { id });
    return command ?? Command.fromPartial({});
  }

  const pause = (id: string) => desk.call(CommandServiceService.pauseCommand, { id, requestId: '' });
  const resume = (id: string) => desk.call(CommandServiceService.resumeCommand, { id, requestId: '' });
  const said = (agent: ToldAgent): string[] =>
    agent.transport.said.flatMap(({ payload }) =>
      payload && ['command', 'pauseCommand', 'resumeCommand', 'cancelCommand'].includes(payload.$case)
        ? [payload.$case]
        : [],
    );

  describe('runs', () => {
    it('are on the device before they are due', async () => {
      const agent = await connected();
      const task = await scan({ schedule: '0 3 * * *' });
      await until(() => agent.transport.payloads('command').length === 1);
      const [order] = agent.transport.payloads('command');
      const due = site.clock.wall() + 3 * HOUR;
      expect(order).to.deep.include({
        notBefore: toTimestamp(due),
        expiresAt: toTimestamp(due + DAY),
        attempt: 1,
      });
      expect(order?.spec).to.deep.equal({
        work: {
          $case: 'iocScan',
          value: {
            taskId: task.id,
            taskName: 'nightly',
            documentHashes: [document],
            settings: undefined,
            response: undefined,
          },
        },
      });
    });

    it('are cancelled on the device when the task goes, on this stream and on the next', async () => {
      const agent = await connected();
      const task = await scan({ schedule: '0 3 * * *' });
      await until(() => said(agent).length === 1);
      const id = agent.transport.payloads('command')[0]?.id ?? '';
      await update(agent, id, { state: CommandState.COMMAND_STATE_ACCEPTED });
      await desk.removeScan(task.id);
      await until(() => said(agent).includes('cancelCommand'));
      const again = await connected([id]);
      expect(again.transport.payloads('cancelCommand')).to.deep.equal([{ id }]);
      await update(again, id, { state: CommandState.COMMAND_STATE_CANCELLED });
      expect((await read(id)).state).to.equal(CommandState.COMMAND_STATE_CANCELLED);
    });

    it('that were cancelled on their way to a device that does not have them end, and are not sent again', async () => {
      const agent = await connected();
      await scan({ schedule: '0 3 * * *' });
      await desk.scan({
        displayName: 'kept',
        scope: { target: { $case: 'deviceId', value: 'web-1' } },
        documentHashes: [document],
        schedule: '0 4 * * *',
      });
      await until(() => said(agent).length === 2);
      const [lost = '', kept = ''] = agent.transport.payloads('command').map(({ id }) => id);
      // The stream broke before the agent had either of them.
      await desk.call(CommandServiceService.cancelCommand, { id: lost, requestId: '' });
      const again = await connected();
      expect(again.transport.payloads('command').map(({ id }) => id)).to.deep.equal([kept]);
      expect((await read(lost)).state).to.equal(CommandState.COMMAND_STATE_CANCELLED);
      expect((await read(kept)).state).to.equal(CommandState.COMMAND_STATE_PENDING);
    });

    it('are refused for an agent that cannot scan, as is its quarantine, and nothing else is', async () => {
      await scan();
      const { commandIds } = await desk.runScan('nightly');
      const make = async (work: CommandSpec['work']): Promise<string> => {
        const request = {
          device,
          spec: { work },
          expiresIn: undefined,
          runTimeout: undefined,
          requestId: '',
        };
        return (await desk.call(CommandServiceService.createCommand, request)).command?.id ?? '';
      };
      const quarantine = await make({ $case: 'listQuarantine', value: {} });
      const selfTest = await make({ $case: 'selfTest', value: {} });
      const agent = site.agent(device);
      await agent.hello();
      expect(agent.transport.payloads('command').map(({ id }) => id)).to.deep.equal([selfTest]);
      expect(await read(commandIds[0] ?? '')).to.include({
        state: CommandState.COMMAND_STATE_REJECTED,
        error: 'the agent (version 0.1.0) cannot scan for indicators of compromise; upgrade it',
      });
      expect((await read(quarantine)).error).to.contain('has no quarantine');
      expect((await desk.readScan('nightly')).status).to.include({ failed: 1, waiting: 0 });
    });

    it('are not made by CreateCommand; files in quarantine are named by their ids', async () => {
      const make = (work: CommandSpec['work']) =>
        desk.call(CommandServiceService.createCommand, {
          device,
          spec: { work },
          expiresIn: undefined,
          runTimeout: undefined,
          requestId: '',
        });
      const iocScan = CommandSpec.fromPartial({ work: { $case: 'iocScan', value: {} } }).work;
      const answer = await refused(make(iocScan));
      expect(answer).to.include({ field: 'spec.ioc_scan' });
      expect(answer.message).to.contain('RunIocScanTask');
      const restore = (quarantineId: string) =>
        make({ $case: 'restoreQuarantined', value: { quarantineId } });
      expect(await refused(restore('7'))).to.include({ field: 'spec.restore_quarantined.quarantine_id' });
      expect((await restore(newId())).command?.state).to.equal(CommandState.COMMAND_STATE_PENDING);
    });

    it('show how far they are, and keep what they found however they end', async () => {
      await scan();
      const [id = ''] = (await desk.runScan('nightly')).commandIds;
      const agent = await connected();
      const progress = { ...ScanProgress.fromPartial({}), filesScanned: 7n, activity: 'x'.repeat(2000) };
      await update(agent, id, { state: CommandState.COMMAND_STATE_RUNNING, progressPercent: 300, progress });
      expect(await read(id)).to.deep.include({
        progressPercent: 100,
        progress: { ...progress, activity: 'x'.repeat(1024) },
      });
      const found = { ...IocScanResult.fromPartial({}), detections: 3 };
      const result: CommandResult = { outcome: { $case: 'iocScan', value: found } };
      await update(agent, id, { state: CommandState.COMMAND_STATE_TIMED_OUT, error: 'too long', result });
      expect(await read(id)).to.deep.include({ error: 'too long', result });
    });
  });

  describe('pauses', () => {
    async function running(): Promise<{ agent: ToldAgent; id: string }> {
      await scan();
      const [id = ''] = (await desk.runScan('nightly')).commandIds;
      const agent = await connected();
      await update(agent, id, { state: CommandState.COMMAND_STATE_RUNNING });
      return { agent, id };
    }

    it('are said when they change and on every stream while they last', async () => {
      const { agent, id } = await running();
      const { command } = await pause(id);
      expect(command?.state, 'the device has not agreed yet').to.equal(CommandState.COMMAND_STATE_RUNNING);
      await until(() => said(agent).length === 2);
      expect(agent.transport.payloads('pauseCommand')).to.deep.equal([{ id }]);
      await update(agent, id, { state: CommandState.COMMAND_STATE_PAUSED });
      site.registry.pokeCommands(device);
      site.clock.advance(10_000);
      const again = await connected([id]);
      expect(said(again)).to.deep.equal(['pauseCommand']);
      expect((await read(id)).state).to.equal(CommandState.COMMAND_STATE_PAUSED);
      expect(said(agent), 'once a stream').to.deep.equal(['command', 'pauseCommand']);

      await resume(id);
      await until(() => said(again).length === 2);
      expect(said(again)).to.deep.equal(['pauseCommand', 'resumeCommand']);
      again.session.closed();
      // The device has not heard of it, or not agreed: it is said again.
      const third = await connected([id]);
      expect(said(third)).to.deep.equal(['resumeCommand']);
      await update(third, id, { state: CommandState.COMMAND_STATE_RUNNING });
      expect(said(await connected([id])), 'it runs').to.deep.equal([]);
      expect((await site.audited(device)).filter((action) => action.startsWith('command.'))).to.deep.equal([
        'command.pause',
        'command.resume',
      ]);
    });

    it('come after the command that they are about, and the newest counts for a slow reader', async () => {
      await scan();
      const [id = ''] = (await desk.runScan('nightly')).commandIds;
      await pause(id);
      const agent = site.agent(device);
      agent.transport.stall();
      await agent.hello({ capabilities });
      await resume(id);
      await pause(id);
      await until(async () => (await read(id)).deliveryAttempts === 1);
      agent.transport.resume();
      await until(() => said(agent).length === 2);
      expect(said(agent)).to.deep.equal(['command', 'pauseCommand']);
    });

    it('are for scans that have not ended, and end only where there is one', async () => {
      const { agent, id } = await running();
      expect((await refused(resume(id))).message).to.contain('is not paused');
      await update(agent, id, { state: CommandState.COMMAND_STATE_SUCCEEDED });
      expect((await refused(pause(id))).message).to.contain('already ended');
      const spec: CommandSpec = { work: { $case: 'selfTest', value: {} } };
      const request = { device, spec, expiresIn: undefined, runTimeout: undefined, requestId: '' };
      const { command } = await desk.call(CommandServiceService.createCommand, request);
      expect((await refused(pause(command?.id ?? ''))).message).to.contain('only a scan can be paused');
      expect((await refused(pause(newId()))).reason).to.equal('NOT_FOUND');
    });

    it('that were lost are found by the sweep', async () => {
      const { agent, id } = await running();
      await site.store.write((tx) => tx.updateTable('commands').set({ pause_requested: 1 }).execute());
      site.clock.advance(5_000);
      await until(() => agent.transport.payloads('pauseCommand').length === 1);
      expect(agent.transport.payloads('pauseCommand')).to.deep.equal([{ id }]);
    });
  });

  describe('documents', () => {
    const ask = (agent: ToldAgent, hashes: Buffer[]): Promise<void> =>
      agent.say({ $case: 'iocDocumentRequest', value: { hashes } });
    const contents = (agent: ToldAgent) => agent.transport.payloads('iocDocumentContent');

    it('come by hash, and only those that a scan of the device names', async () => {
      const secret = await desk.document('secret');
      await scan();
      await desk.runScan('nightly');
      const agent = await connected();
      await ask(agent, [secret, document, Buffer.alloc(32)]);
      await until(() => contents(agent).length === 3);
      const refusal = 'no scan of this device names the document';
      expect(contents(agent)).to.deep.equal([
        { hash: secret, content: Buffer.alloc(0), error: refusal },
        { hash: document, content: Buffer.from(iocText('one')), error: '' },
        { hash: Buffer.alloc(32), content: Buffer.alloc(0), error: refusal },
      ]);
    });

    it('that were deleted all the same are said to be', async () => {
      await scan();
      await desk.runScan('nightly');
      await site.store.write((tx) => tx.deleteFrom('ioc_documents').execute());
      const agent = await connected();
      await ask(agent, [document]);
      await until(() => contents(agent).length === 1);
      expect(contents(agent)[0]?.error).to.equal('the document was deleted');
    });

    it('leave one by one, as fast as the agent reads them; one that does not read is cut', async () => {
      const hashes = [document];
      for (let at = 0; at < 5; at++) {
        const content = `${at}`.repeat(2 * 1024 * 1024 - 100);
        hashes.push(await desk.document(`large ${at}`, {}, content));
      }
      await scan({ documentHashes: hashes });
      await desk.runScan('nightly');
      const agent = await connected();
      agent.transport.stall();
      await ask(agent, hashes);
      await until(() => contents(agent).length === 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(contents(agent), 'while it does not read').to.have.length(1);
      agent.transport.resume();
      await until(() => contents(agent).length === 6);
      expect(contents(agent).map(({ content }) => hash('sha256', content, 'buffer'))).to.deep.equal(hashes);

      agent.transport.stall();
      await ask(agent, hashes);
      await until(() => contents(agent).length === 7);
      site.clock.advance(121_000);
      expect(agent.transport.ending?.code).to.equal(status.RESOURCE_EXHAUSTED);
    });

    it('are asked for a hundred at a time, a thousand at most', async () => {
      await scan();
      const many = (count: number): Buffer[] => Array<Buffer>(count).fill(document);
      const wrong: [Buffer[], RegExp][] = [
        [many(101), /more than 100/],
        [[Buffer.alloc(31)], /no SHA-256/],
      ];
      for (const [hashes, message] of wrong) {
        const error = await ask(await connected(), hashes).catch((reason: unknown) => reason);
        expect(error).to.include({ code: status.INVALID_ARGUMENT });
        expect((error as Error).message).to.match(message);
      }
      const agent = await connected();
      agent.transport.stall();
      const asked = async (): Promise<void> => {
        for (let time = 0; time < 11; time++) await ask(agent, many(100));
      };
      expect(await asked().catch((reason: Error) => reason.message)).to.contain('more than 1000 documents');
    });
  });

  describe('ends', () => {
    const silent = async (): Promise<void> => {
      await site.store.write((tx) => endSilent(tx, site.clock.wall()));
      await forgetOld(site.store, site.clock.wall());
      await site.store.write((tx) => forgetSpecs(tx));
    };

    it('come for a device that took a scan and vanished, and it is told to stop should it come back', async () => {
      await scan({ timeLimit: undefined });
      const [id = ''] = (await desk.runScan('nightly')).commandIds;
      const agent = await connected();
      await update(agent, id, { state: CommandState.COMMAND_STATE_RUNNING });
      agent.session.closed();
      site.clock.advance(1000);
      await until(async () => (await site.row(device)).last_seen_at !== null);
      site.clock.advance(7 * DAY + 7 * HOUR);
      await silent();
      expect((await read(id)).state, 'before 7 days and the time limit are over').to.equal(
        CommandState.COMMAND_STATE_RUNNING,
      );
      site.clock.advance(2 * HOUR);
      await silent();
      expect(await read(id)).to.include({ state: CommandState.COMMAND_STATE_TIMED_OUT });
      expect((await read(id)).error).to.contain('has not been heard of for more than 7 days');
      const back = await connected([id]);
      expect(back.transport.payloads('cancelCommand')).to.deep.equal([{ id }]);
    });

    it('do not come while the device is heard of, nor while the command may still begin', async () => {
      await scan();
      const [id = ''] = (await desk.runScan('nightly')).commandIds;
      const agent = await connected();
      await update(agent, id, { state: CommandState.COMMAND_STATE_PAUSED });
      site.clock.advance(30 * DAY);
      await site.store.write((tx) =>
        tx
          .updateTable('devices')
          .set({ last_seen_at: site.clock.wall() - DAY })
          .execute(),
      );
      await silent();
      expect((await read(id)).state).to.equal(CommandState.COMMAND_STATE_PAUSED);

      const later = site.clock.wall() + DAY;
      await site.store.write(async (tx) => {
        await tx.updateTable('devices').set({ last_seen_at: 1 }).execute();
        const waiting = { state: CommandState.COMMAND_STATE_ACCEPTED, expires_at: later };
        await tx.updateTable('commands').set(waiting).execute();
      });
      await silent();
      expect((await read(id)).state).to.equal(CommandState.COMMAND_STATE_ACCEPTED);
      site.clock.advance(30 * DAY);
      await silent();
      expect((await read(id)).state).to.equal(CommandState.COMMAND_STATE_TIMED_OUT);
    });

    it('are forgotten after 7 days, but for the newest of a task that is still there', async () => {
      await scan();
      const ids: string[] = [];
      for (let run = 0; run < 2; run++) {
        const [id = ''] = (await desk.runScan('nightly')).commandIds;
        ids.push(id);
        const agent = await connected();
        await update(agent, id, { state: CommandState.COMMAND_STATE_SUCCEEDED });
        site.clock.advance(HOUR);
      }
      site.clock.advance(8 * DAY);
      await silent();
      expect((await desk.commands()).map(({ id }) => id)).to.deep.equal(ids.slice(1));
      expect((await desk.readScan('nightly')).status).to.include({ succeeded: 1 });
      await desk.removeScan('nightly');
      await silent();
      expect(await desk.commands()).to.deep.equal([]);
      expect(await site.store.read.selectFrom('ioc_scan_specs').selectAll().execute()).to.deep.equal([]);
    });

    it('come to many at once as to one, and leave what is not due', async () => {
      const now = site.clock.wall();
      const row = (given: Partial<Insertable<CommandsTable>>): Insertable<CommandsTable> => ({
        ...newCommandRow({
          id: newId(),
          device_id: device,
          spec_proto: Buffer.alloc(0),
          requested_by: 'eve',
          created_at: now,
          expires_at: now,
          run_timeout_ms: HOUR,
        }),
        ...given,
      });
      const due = Array.from({ length: 250 }, () => row({}));
      const begun = row({ state: CommandState.COMMAND_STATE_RUNNING });
      const later = row({ expires_at: now + 30 * DAY });
      await site.store.write(async (tx) => {
        for (const one of [...due, begun, later]) await tx.insertInto('commands').values(one).execute();
      });
      const states = async (): Promise<ReadonlyMap<string, number>> => {
        const rows = await site.store.read.selectFrom('commands').select(['id', 'state']).execute();
        return new Map(rows.map(({ id, state }) => [id, state]));
      };
      await expireAllOverdue(site.store, now + 1);
      const expired = await states();
      expect(due.map(({ id }) => expired.get(id))).to.deep.equal(
        due.map(() => CommandState.COMMAND_STATE_EXPIRED),
      );
      expect(expired.get(begun.id)).to.equal(CommandState.COMMAND_STATE_RUNNING);
      expect(expired.get(later.id)).to.equal(CommandState.COMMAND_STATE_PENDING);

      await forgetOld(site.store, now + 6 * DAY);
      expect((await states()).size, 'before 7 days are over').to.equal(252);
      await forgetOld(site.store, now + 8 * DAY);
      expect([...(await states()).keys()]).to.have.members([begun.id, later.id]);
    });

    it('of the runs of a task are found without a look at all other commands', async () => {
      const plan = async (query: { compile(): CompiledQuery }): Promise<string> => {
        const { sql: text, parameters } = query.compile();
        const { rows } = await site.store.read.executeQuery<{ detail: string }>(
          CompiledQuery.raw(`explain query plan ${text}`, [...parameters]),
        );
        return rows.map(({ detail }) => detail).join('; ');
      };
      const commands = site.store.read.selectFrom('commands').select('id');
      expect(await plan(commands.where('task_id', '=', 'one'))).to.contain('INDEX commands_task');
      expect(await plan(commands.where('error', '=', 'one')), 'as it would look').to.contain('SCAN commands');
    });
  });
});
