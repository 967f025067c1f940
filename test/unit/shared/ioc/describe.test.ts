import { expect } from 'chai';
import { IocFormat } from '../../../../shared/gen/cordon/v1/ioc.js';
import { describeDocument } from '../../../../shared/ioc/describe.js';
import { MAX_PROBLEMS } from '../../../../shared/ioc/limits.js';
import { anyOf, item, openIoc, parse } from './documents.js';

const SOURCE = { hash: new Uint8Array(32), fileName: 'a.ioc', sizeBytes: 77 };

describe('the description of a document', () => {
  it('counts the terms that can match, and names the kinds of items that they ask for', () => {
    const document = parse(
      openIoc(
        anyOf(
          item({ term: 'PortItem/remotePort', content: '1' }),
          item({}),
          item({ content: 'b' }),
          item({ term: 'UserItem/userid', content: 'none' }),
          item({ term: 'Email/From' }),
        ),
      ),
    );
    expect(describeDocument(document, SOURCE)).to.deep.include({
      documentId: 'doc',
      displayName: 'Doc',
      format: IocFormat.IOC_FORMAT_OPENIOC_1_0,
      fileName: 'a.ioc',
      sizeBytes: 77n,
      indicatorCount: 3,
      itemTypes: ['FileItem', 'PortItem'],
      problems: [
        { indicatorId: 'i', term: 'UserItem/userid', detail: '"none" cannot be read as a whole number.' },
        { indicatorId: 'i', term: 'Email/From', detail: 'No device can look at this term.' },
      ],
      problemsOmitted: 0,
    });
  });

  it('has the file name for a title where the document has none', () => {
    expect(describeDocument(parse('<ioc><definition/></ioc>'), SOURCE).displayName).to.equal('a.ioc');
  });

  it('tells so many problems and counts the others', () => {
    const of = (count: number): { problems: number; problemsOmitted: number } => {
      const document = parse(openIoc(anyOf(item({ term: 'Email/From' }).repeat(count))));
      const { problems, problemsOmitted } = describeDocument(document, SOURCE);
      return { problems: problems.length, problemsOmitted };
    };
    expect(of(MAX_PROBLEMS)).to.deep.equal({ problems: MAX_PROBLEMS, problemsOmitted: 0 });
    expect(of(MAX_PROBLEMS + 5)).to.deep.equal({ problems: MAX_PROBLEMS, problemsOmitted: 5 });
  });
});
