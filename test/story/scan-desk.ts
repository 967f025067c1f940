import { hash } from 'node:crypto';
import { CommandServiceService } from '../../shared/gen/cordon/v1/command_service.js';
import type { Command } from '../../shared/gen/cordon/v1/command.js';
import { IocDocumentServiceService } from '../../shared/gen/cordon/v1/ioc_document_service.js';
import { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import { TaskServiceService } from '../../shared/gen/cordon/v1/task_service.js';
import { insertDocument } from '../../server/ioc/documents.js';
import { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import { Desk } from './desk.js';
import type { LinkSite } from './server-link-site.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** An OpenIOC 1.0 document with one term. */
export function iocText(
  id: string,
  term = 'FileItem/Md5sum',
  content = 'd41d8cd98f00b204e9800998ecf8427e',
): string {
  const document = term.split('/')[0] ?? '';
  return `<?xml version="1.0" encoding="utf-8"?>
<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="${id}" last-modified="2026-01-01T00:00:00">
  <short_description>title of ${id}</short_description>
  <definition><Indicator operator="OR" id="root">
    <IndicatorItem id="item" condition="is">
      <Context document="${document}" search="${term}" type="mir" /><Content type="string">${content}</Content>
    </IndicatorItem>
  </Indicator></definition>
</ioc>`;
}

/** Operators at work with scans: documents, tasks, commands, and the planner that follows. */
export class ScanDesk extends Desk {
  constructor(readonly scans: LinkSite) {
    super(scans);
  }

  upload(
    content: string | Buffer,
    fileName = 'a.ioc',
    more: { requestId?: string; validateOnly?: boolean } = {},
  ) {
    return this.call(IocDocumentServiceService.uploadIocDocument, {
      fileName,
      content: Buffer.from(content),
      requestId: '',
      validateOnly: false,
      ...more,
    });
  }

  /** Stores a document without reading it. Returns its hash. */
  async document(id: string, given: Partial<IocDocument> = {}, content = iocText(id)): Promise<Buffer> {
    const bytes = Buffer.from(content);
    const document = {
      ...IocDocument.fromPartial({ documentId: id, displayName: `title of ${id}`, indicatorCount: 1 }),
      hash: hash('sha256', bytes, 'buffer'),
      ...given,
    };
    await this.scans.store.write((tx) => insertDocument(tx, document, bytes));
    return document.hash;
  }

  /** Makes a task; what is not given is as the contract's defaults are. */
  async scan(given: Partial<IocScanTask>): Promise<IocScanTask> {
    const task = { ...IocScanTask.fromPartial({}), displayName: 'nightly', ...given };
    const made = await this.createScan(task);
    await this.scans.planner.poke();
    return made.iocScanTask ?? nothing();
  }

  createScan(iocScanTask: IocScanTask, validateOnly = false) {
    return this.call(TaskServiceService.createIocScanTask, { iocScanTask, requestId: '', validateOnly });
  }

  async editScan(id: string, updateMask: string[], given: Partial<IocScanTask>): Promise<IocScanTask> {
    const iocScanTask = { ...IocScanTask.fromPartial({}), ...given, id };
    const request = { iocScanTask, updateMask, requestId: '', validateOnly: false };
    const edited = await this.call(TaskServiceService.updateIocScanTask, request);
    await this.scans.planner.poke();
    return edited.iocScanTask ?? nothing();
  }

  async readScan(id: string): Promise<IocScanTask> {
    return (await this.call(TaskServiceService.getIocScanTask, { id })).iocScanTask ?? nothing();
  }

  removeScan(id: string, etag = '') {
    return this.call(TaskServiceService.deleteIocScanTask, { id, etag, requestId: '' });
  }

  runScan(id: string, devices: string[] = []) {
    return this.call(TaskServiceService.runIocScanTask, { id, devices, requestId: '' });
  }

  async commands(device = '', task = ''): Promise<Command[]> {
    const request = { device, task, pageSize: 0, pageToken: '' };
    return (await this.call(CommandServiceService.listCommands, request)).commands;
  }

  /** Starts of the unfinished runs of a device, hours after `since`, soonest first; null: at once. */
  async starts(device: string, since: number): Promise<(number | null)[]> {
    const rows = await this.scans.store.read
      .selectFrom('commands')
      .innerJoin('devices', 'devices.id', 'commands.device_id')
      .select('commands.not_before')
      .where('devices.name', '=', device)
      .where('finished_at', 'is', null)
      .where('withdrawn', '=', 0)
      .orderBy('not_before')
      .execute();
    return rows.map(({ not_before: start }) => (start === null ? null : (Number(start) - since) / HOUR));
  }

  /** Lets time pass, and the planner look. */
  async pass(ms: number): Promise<void> {
    this.scans.clock.advance(ms);
    await this.scans.planner.poke();
  }
}

function nothing(): never {
  throw new Error('the answer holds no task');
}
