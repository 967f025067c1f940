import { hash } from 'node:crypto';
import { expect } from 'chai';
import { IocDocumentServiceService } from '../../../shared/gen/cordon/v1/ioc_document_service.js';
import { IocFormat } from '../../../shared/gen/cordon/v1/ioc.js';
import { Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../../shared/ids.js';
import { refused } from '../../story/desk.js';
import { ScanDesk, iocText } from '../../story/scan-desk.js';
import { LinkSite } from '../../story/server-link-site.js';

describe('indicator documents', () => {
  let site: LinkSite;
  let desk: ScanDesk;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new ScanDesk(site);
  });

  afterEach(() => site.close());

  const get = (wanted: Buffer, withContent = false) =>
    desk.call(IocDocumentServiceService.getIocDocument, { hash: wanted, withContent });
  const remove = (wanted: Buffer) =>
    desk.call(IocDocumentServiceService.deleteIocDocument, { hash: wanted, requestId: '' });
  const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');
  const actions = async (): Promise<string[]> => {
    const rows = await site.store.read.selectFrom('audit').select('action').orderBy('sequence').execute();
    return rows.map(({ action }) => action);
  };

  it('are read, described and stored once', async () => {
    const text = iocText('one');
    const first = await desk.upload(text, 'evil.ioc');
    expect(first.alreadyStored).to.equal(false);
    expect(first.document).to.deep.include({
      hash: sha256(text),
      documentId: 'one',
      displayName: 'title of one',
      format: IocFormat.IOC_FORMAT_OPENIOC_1_0,
      fileName: 'evil.ioc',
      sizeBytes: BigInt(text.length),
      indicatorCount: 1,
      itemTypes: ['FileItem'],
      problems: [],
      problemsOmitted: 0,
      uploadedBy: 'ada',
    });
    const again = await desk.upload(text, 'other-name.xml');
    expect(again).to.deep.equal({ document: first.document, alreadyStored: true });
    expect(await actions()).to.deep.equal(['ioc_document.upload', 'ioc_document.upload']);
    expect((await get(sha256(text))).content).to.have.length(0);
    expect((await get(sha256(text), true)).content.toString()).to.equal(text);
  });

  it('say which terms count as no match; a list says only how many', async () => {
    const text = iocText('two', 'FileItem/NoSuchThing');
    const { document } = await desk.upload(text);
    expect(document?.problems.map(({ term, indicatorId }) => [term, indicatorId])).to.deep.equal([
      ['FileItem/NoSuchThing', 'item'],
    ]);
    expect(document).to.include({ indicatorCount: 0, problemsOmitted: 0 });
    expect((await get(sha256(text))).document).to.deep.equal(document);
    const list = await desk.call(IocDocumentServiceService.listIocDocuments, { pageSize: 0, pageToken: '' });
    expect(list.documents[0]).to.deep.equal({ ...document, problems: [], problemsOmitted: 1 });
  });

  it('are listed newest first, page by page', async () => {
    for (const id of ['a', 'b', 'c']) await desk.document(id);
    const ids: string[] = [];
    let pageToken = '';
    do {
      const request = { pageSize: 2, pageToken };
      const page = await desk.call(IocDocumentServiceService.listIocDocuments, request);
      ids.push(...page.documents.map(({ documentId }) => documentId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(ids).to.deep.equal(['c', 'b', 'a']);
  });

  const wrong: [string, string, string | Buffer, string, RegExp][] = [
    ['an empty file', 'a.ioc', '', 'content', /1 to 2097152 bytes/],
    ['a file over 2 MiB', 'a.ioc', Buffer.alloc(2 * 1024 * 1024 + 1), 'content', /1 to 2097152 bytes/],
    ['a file without a name', '', 'x', 'file_name', /1 to 255/],
    ['another kind of file', 'a.exe', 'x', 'file_name', /must end in/],
    ['a name with a folder', '../a.ioc', 'x', 'file_name', /without a folder/],
    [
      'broken XML',
      'a.ioc',
      iocText('x').replace('</Indicator>', '</Indicatr>'),
      'content',
      /^content: line 8/,
    ],
    ['what is neither XML nor JSON', 'a.ioc', 'hello', 'content', /neither XML/],
    ['entities', 'a.ioc', '<!DOCTYPE a [<!ENTITY b "c">]><ioc/>', 'content', /line 1/],
  ];
  for (const [what, fileName, content, field, message] of wrong) {
    it(`refuses ${what}`, async () => {
      const answer = await refused(desk.upload(content, fileName));
      expect(answer).to.include({ reason: 'INVALID_FIELD', field });
      expect(answer.message).to.match(message);
      expect(await actions()).to.deep.equal([]);
    });
  }

  it('are checked without being stored, and uploaded by operators alone', async () => {
    expect((await desk.upload(iocText('x'), 'a.ioc', { validateOnly: true })).document?.documentId).to.equal(
      'x',
    );
    expect((await refused(get(sha256(iocText('x'))))).reason).to.equal('NOT_FOUND');
    const request = { fileName: 'a.ioc', content: Buffer.from('x'), requestId: '', validateOnly: false };
    const viewer = desk.call(IocDocumentServiceService.uploadIocDocument, request, Role.ROLE_VIEWER);
    expect((await refused(viewer)).reason).to.equal('ROLE_TOO_LOW');
    expect((await refused(get(Buffer.alloc(3)))).field).to.equal('hash');
  });

  it('answer a repeated upload with the first answer', async () => {
    const requestId = newId();
    const first = await desk.upload(iocText('x'), 'a.ioc', { requestId });
    expect(await desk.upload(iocText('x'), 'a.ioc', { requestId })).to.deep.equal(first);
  });

  it('are not more than 1 GiB together', async () => {
    await desk.document('huge');
    await site.store.write((tx) =>
      tx
        .updateTable('ioc_documents')
        .set({ size_bytes: 2 ** 30 - 100 })
        .execute(),
    );
    const answer = await refused(desk.upload(iocText('x')));
    expect(answer.message).to.contain('more than 1024 MiB together');
  });

  it('stay while a task or a scan that has not ended needs them', async () => {
    await site.device('web-1');
    const wanted = await desk.document('x');
    const other = await desk.document('y');
    const scope = { target: { $case: 'deviceId' as const, value: 'web-1' } };
    const task = await desk.scan({ scope, documentHashes: [wanted] });
    await desk.runScan('nightly');
    expect(await refused(remove(wanted))).to.include({ reason: 'IN_USE' });
    expect((await refused(remove(wanted))).message).to.contain('the IOC scan task "nightly"');
    await site.store.write((tx) => tx.updateTable('commands').set({ delivery_attempts: 1 }).execute());
    await desk.editScan(task.id, ['document_hashes'], { documentHashes: [other] });
    // The device may have begun it before the change reaches it.
    expect((await refused(remove(wanted))).message).to.contain('scans that have not ended');
    await site.store.write((tx) => tx.updateTable('commands').set({ finished_at: 1, state: 7 }).execute());
    await remove(wanted);
    expect((await refused(remove(wanted))).reason).to.equal('NOT_FOUND');
    expect((await actions()).at(-1)).to.equal('ioc_document.delete');
  });

  it('do not hold up the streams while a large one is read', async () => {
    const items = Array.from(
      { length: 9000 },
      (_, at) =>
        `<IndicatorItem id="${at}" condition="is"><Context document="FileItem" search="FileItem/Md5sum" type="mir"/>` +
        `<Content type="md5">${at.toString(16).padStart(32, '0')}</Content></IndicatorItem>`,
    );
    const [head = '', tail = ''] = iocText('large').split(/<IndicatorItem[^]*<\/IndicatorItem>/);
    const large = head + items.join('') + tail;
    let longest = 0;
    let last = performance.now();
    let over = false;
    const watch = (): void => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      if (!over) setImmediate(watch);
    };
    const started = performance.now();
    const uploaded = desk.upload(large);
    setImmediate(watch);
    const { document } = await uploaded;
    over = true;
    expect(document?.indicatorCount).to.equal(9000);
    // Read on this thread, it would be nearly all of the time, however busy the computer is.
    expect(longest).to.be.below((performance.now() - started) / 2);
  });
});
