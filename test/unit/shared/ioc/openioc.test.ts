import { expect } from 'chai';
import { IocDocumentError } from '../../../../shared/ioc/document-error.js';
import { anyOf, item, openIoc, parse, shape, termsIn } from './documents.js';

const ONE_1 = `<?xml version="1.0" encoding="utf-8"?>
<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="one" last-modified="x" published-date="y">
  <metadata>
    <short_description>
      A   title</short_description>
    <description>What it is</description>
    <links><link rel="x"><description>not this</description></link></links>
  </metadata>
  <criteria>
    <Indicator id="root" operator="and">
      <IndicatorItem id="i1" condition="starts-with" preserve-case="true" negate="false">
        <Context document="FileItem" search="fileitem/fullpath" type="mir"/>
        <Content type="string">C:\\Temp &amp; more</Content>
      </IndicatorItem>
      <IndicatorItem id="i2" condition="greater-than" preserve-case="false" negate="true">
        <Context document="FileItem" search="FileItem/SizeInBytes"/>
        <Content type="int">5</Content>
      </IndicatorItem>
    </Indicator>
  </criteria>
  <parameters><param id="p" ref-id="i1" name="score"><value type="int">9</value></param></parameters>
</OpenIOC>`;

const failure = (text: string): IocDocumentError => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof IocDocumentError) return error;
    throw error;
  }
  throw new Error('the document was taken');
};

describe('OpenIOC documents', () => {
  describe('of version 1.1', () => {
    it('have their metadata in an element of their own', () => {
      const document = parse(ONE_1);
      expect(document).to.include({
        id: 'one',
        name: 'A title',
        description: 'What it is',
        format: 'openioc-1.1',
      });
      expect(document.problems).to.deep.equal([]);
    });

    it('become a tree with canonical spellings and typed tests', () => {
      const document = parse(ONE_1);
      expect(document.root).to.include({ id: 'root', operator: 'AND' });
      const [path, size] = termsIn(document);
      expect(path).to.deep.include({
        id: 'i1',
        term: 'FileItem/FullPath',
        itemType: 'FileItem',
        condition: 'starts-with',
        negate: false,
        test: { kind: 'text', how: 'starts-with', text: 'C:\\Temp & more', foldCase: false },
      });
      expect(size).to.deep.include({
        negate: true,
        test: { kind: 'number', ranges: [{ from: 5, to: Infinity, exclusive: 'from' }] },
      });
    });

    it('are read the same with a prefix for their namespace, a byte order mark and CDATA', () => {
      const plain = ONE_1.replace('C:\\Temp &amp; more', '<![CDATA[C:\\Temp & more]]>');
      const prefixed = plain.replaceAll(/<(\/?)([A-Za-z])/g, '<$1x:$2').replace('xmlns=', 'xmlns:x=');
      expect(prefixed).to.include('</x:Indicator>');
      expect(parse(`\ufeff${prefixed}`)).to.deep.equal(parse(ONE_1));
    });
  });

  describe('of version 1.0', () => {
    it('say the opposite of a condition in its name, and twice negated is not negated', () => {
      const negated = (more: ReturnType<typeof item>): boolean | undefined =>
        termsIn(parse(openIoc(anyOf(more))))[0]?.negate;
      expect(negated(item({ condition: 'is' }))).to.equal(false);
      expect(negated(item({ condition: 'isnot' }))).to.equal(true);
      expect(negated(item({ condition: 'containsnot' }))).to.equal(true);
      expect(negated(item({ condition: 'is', more: 'negate="true"' }))).to.equal(true);
      expect(negated(item({ condition: 'isnot', more: 'negate="true"' }))).to.equal(false);
    });

    it('may have several groups at the top, which are alternatives', () => {
      const document = parse(openIoc(anyOf(item({ content: 'a' })) + anyOf(item({ content: 'b' }))));
      expect(shape(document.root)).to.equal('((FileItem/FileName is a) OR (FileItem/FileName is b))');
    });
  });

  describe('with something strange', () => {
    it('count unknown terms as no match, also when they are negated, and list them', () => {
      const document = parse(openIoc(anyOf(item({ term: 'Email/From', condition: 'isnot' }), item({}))));
      expect(shape(document.root)).to.equal('(never Email/From OR FileItem/FileName is a)');
      expect(document.problems).to.deep.equal([
        { indicatorId: 'i', term: 'Email/From', detail: 'No device can look at this term.' },
      ]);
    });

    it('parse when they have nothing but unknown terms', () => {
      const document = parse(openIoc(anyOf(item({ term: 'A/b' }), item({ term: 'C/d' }))));
      expect(document.problems.map(({ term }) => term)).to.deep.equal(['A/b', 'C/d']);
    });

    it('count a condition that is none as no match', () => {
      const document = parse(openIoc(anyOf(item({ condition: 'sounds-like' }))));
      expect(document.problems[0]?.detail).to.equal('OpenIOC has no condition "sounds-like".');
    });

    it('count a group as no match when its operator is neither AND nor OR', () => {
      const group = (operator: string): string => `<Indicator id="x" ${operator}>${item({})}</Indicator>`;
      expect(shape(parse(openIoc(group('operator="XOR"'))).root)).to.equal('(never Indicator)');
      expect(shape(parse(openIoc(group(''))).root)).to.equal('(never Indicator)');
      expect(shape(parse(openIoc(group('operator="and"'))).root)).to.equal('(FileItem/FileName is a)');
    });

    it('never leave a group empty: all of nothing would hold for everything', () => {
      const document = parse(openIoc('<Indicator id="x" operator="AND"><Unknown/></Indicator>'));
      expect(shape(document.root)).to.equal('(never Indicator)');
      expect(document.problems[0]?.detail).to.equal('The group is empty.');
      expect(shape(parse(openIoc('')).root)).to.equal('(never Indicator)');
    });

    it('pass over elements and attributes that the schema does not know', () => {
      const strange = anyOf(
        `<Note><IndicatorItem/></Note>`,
        item({ more: 'hasOwnProperty="1" color="red"' }),
      );
      expect(shape(parse(openIoc(strange)).root)).to.equal('(FileItem/FileName is a)');
    });
  });

  describe('that cannot be used', () => {
    it('are refused with the line where they are not well-formed', () => {
      const error = failure('<ioc>\n<definition>\n</ioc>');
      expect(error).to.include({ reason: 'malformed', line: 3 });
      expect(error.message).to.equal('line 3: not well-formed XML: Unexpected close tag');
    });

    it('are refused when they have neither definition nor criteria', () => {
      expect(failure('<ioc id="a"><links/></ioc>').message).to.include('neither "definition"');
      expect(parse('<ioc id="a"><definition/></ioc>').id).to.equal('a');
    });

    it('are refused when their root is something else', () => {
      expect(failure('<html></html>')).to.include({ reason: 'format', line: 1 });
    });

    it('are refused in another encoding than UTF-8', () => {
      const latin = `<?xml version="1.0" encoding="ISO-8859-1"?>${openIoc(anyOf(item({ content: 'é' })))}`;
      expect(failure(latin)).to.include({ reason: 'encoding' });
      expect(parse(latin.replace('é', 'e')).id).to.equal('doc');
      expect(parse(latin.replace('ISO-8859-1', 'UTF-8')).id).to.equal('doc');
    });
  });
});
