import { expect } from 'chai';
import { MAX_TASK_BYTES } from '../../../../shared/ioc/limits.js';
import { chooseTaskDocuments, type TaskDocument } from '../../../../shared/ioc/task-documents.js';

const document = (hash: string, id: string, sizeBytes = 10): TaskDocument => ({ hash, id, sizeBytes });

describe('documents of one task', () => {
  it('are all used when their ids differ, or they have none', () => {
    const documents = [document('h1', 'a'), document('h2', 'b'), document('h3', ''), document('h4', '')];
    expect(chooseTaskDocuments(documents)).to.deep.equal({
      used: documents,
      dropped: [],
      totalBytes: 40,
      tooLarge: undefined,
    });
  });

  it('are used once for an id: the first of them', () => {
    const documents = [document('h1', 'A'), document('h2', 'b'), document('h3', 'a')];
    const { used, dropped } = chooseTaskDocuments(documents);
    expect(used.map(({ hash }) => hash)).to.deep.equal(['h1', 'h2']);
    expect(dropped).to.deep.equal([
      { document: documents[2], reason: 'Document h1 of this task has the same id, a.' },
    ]);
  });

  it('may be up to 10 MiB together', () => {
    const half = MAX_TASK_BYTES / 2;
    const of = (size: number): string | undefined =>
      chooseTaskDocuments([document('h1', 'a', half), document('h2', 'b', size)]).tooLarge;
    expect(of(half)).to.equal(undefined);
    expect(of(half + 1)).to.include(`${MAX_TASK_BYTES} at most`);
  });
});
