import { expect } from 'chai';
import { IocDocumentError } from '../../../../shared/ioc/document-error.js';
import {
  MAX_ATTRIBUTE_LENGTH,
  MAX_ATTRIBUTES,
  MAX_CONTENT_LENGTH,
  MAX_DOCUMENT_BYTES,
  MAX_ELEMENTS,
  MAX_GROUP_DEPTH,
  MAX_PATTERN_NESTING,
  MAX_TERMS,
} from '../../../../shared/ioc/limits.js';
import type { Test } from '../../../../shared/ioc/model.js';
import { parseIoc } from '../../../../shared/ioc/parse.js';
import { compilePattern } from '../../../../shared/ioc/pattern.js';
import {
  anyOf,
  bytes,
  item,
  nodesOf,
  NOW,
  openIoc,
  parse,
  parsePattern,
  stixBundle,
  stixIndicator,
  termsIn,
} from './documents.js';

/** No document may take longer, milliseconds: several times what the slowest of these takes on a slow machine. */
const LONGEST_MS = 5_000;

function refusal(content: Uint8Array | string): IocDocumentError {
  const started = performance.now();
  try {
    parseIoc(typeof content === 'string' ? bytes(content) : content, NOW);
  } catch (error) {
    expect(performance.now() - started).to.be.below(LONGEST_MS);
    if (error instanceof IocDocumentError) return error;
    throw error;
  }
  throw new Error('the document was taken');
}

const deep = (levels: number): string =>
  openIoc('<Indicator operator="OR">'.repeat(levels) + item({}) + '</Indicator>'.repeat(levels));

const patternOf = (test: Test | undefined): Extract<Test, { kind: 'pattern' }> => {
  if (test?.kind !== 'pattern') throw new Error('there is no pattern');
  return test;
};

const expression = (source: string): string =>
  openIoc(anyOf(item({ condition: 'matches', content: `<![CDATA[${source}]]>` })));

describe('hostile documents', () => {
  describe('with entities', () => {
    const LAUGHS = [...'bcdefghij'].map((name, at) => {
      const before = `&${'abcdefghi'.charAt(at)};`;
      return `<!ENTITY ${name} "${before.repeat(10)}">`;
    });

    it('are refused at their document type, before anything is expanded', () => {
      const bomb = `<!DOCTYPE ioc [<!ENTITY a "ha">${LAUGHS.join('')}]>${openIoc(anyOf(item({ content: '&j;' })))}`;
      expect(refusal(bomb)).to.include({ reason: 'malformed' });
      expect(refusal(bomb).message).to.include('DOCTYPE');
      const outside = `<!DOCTYPE ioc SYSTEM "file:///etc/passwd">${openIoc('')}`;
      expect(refusal(outside).message).to.include('DOCTYPE');
    });

    it('have no entities but those of XML', () => {
      const content = (text: string): string | undefined =>
        termsIn(parse(openIoc(anyOf(item({ content: text })))))[0]?.content;
      expect(content('&lt;&#65;&#x42;&amp;')).to.equal('<AB&');
      for (const name of ['j', 'nbsp', 'toString', '__proto__', 'constructor']) {
        expect(refusal(openIoc(anyOf(item({ content: `&${name};` })))).message, name).to.include('entity');
      }
    });
  });

  describe('that are deep', () => {
    it('are refused at the limit and taken below it', () => {
      expect(refusal(deep(10_000))).to.include({ reason: 'limit' });
      expect(refusal(deep(MAX_GROUP_DEPTH + 1)).message).to.include(`${MAX_GROUP_DEPTH} deep`);
      const nodes = nodesOf(parse(deep(MAX_GROUP_DEPTH)).root);
      expect(nodes).to.have.length(MAX_GROUP_DEPTH + 1);
    });

    it('are refused also when nothing deep in them is known', () => {
      expect(refusal(openIoc(`${'<x>'.repeat(10_000)}${'</x>'.repeat(10_000)}`)).message).to.include('deep');
      expect(refusal('<x>'.repeat(10_000))).to.be.instanceOf(IocDocumentError);
    });

    it('are refused as JSON before anything is built', () => {
      const lists = `{"type":"bundle","objects":${'['.repeat(500_000)}${']'.repeat(500_000)}}`;
      expect(refusal(lists)).to.include({ reason: 'limit' });
    });

    it('name it when brackets of a pattern are', () => {
      const nested = (levels: number): string =>
        `[${'('.repeat(levels)}file:name = 'a'${')'.repeat(levels)}]`;
      expect(refusal(JSON.stringify(stixIndicator(nested(10_000)))).message).to.include('deep in each other');
      expect(termsIn(parsePattern(nested(MAX_PATTERN_NESTING - 1)))).to.have.length(1);
    });

    it('become no tree that is deeper than the limit, whatever a pattern nests', () => {
      const levels = MAX_PATTERN_NESTING - 1;
      const and = "file:name = 'b' OR file:name = 'c' AND (".repeat(levels);
      const { root } = parsePattern(`[${and}file:name >= 'a'${')'.repeat(levels)}]`);
      let depth = 0;
      for (let level = [root as ReturnType<typeof nodesOf>[number]]; level.length > 0; depth += 1) {
        level = level.flatMap((node) => (node.kind === 'group' ? node.children : []));
      }
      expect(depth).to.be.within(2 * levels, MAX_GROUP_DEPTH + 1);
    });
  });

  describe('that are large', () => {
    it('are refused above 2 MiB, and taken up to there', () => {
      const large = (size: number): string => openIoc('').padEnd(size, ' ');
      expect(refusal(large(3_000_000)).message).to.include(`larger than ${MAX_DOCUMENT_BYTES} bytes`);
      expect(parse(large(MAX_DOCUMENT_BYTES)).id).to.equal('doc');
    });

    it('are refused with too many terms, elements or attributes', () => {
      const many = JSON.stringify(stixIndicator(`[a:b IN (${'1,'.repeat(MAX_TERMS)}1)]`)).replace(
        'a:b',
        'file:size',
      );
      expect(refusal(many).message).to.include(`more than ${MAX_TERMS} terms`);
      expect(refusal(openIoc('<x/>'.repeat(MAX_ELEMENTS))).message).to.include('elements');
      const attributes = Array.from({ length: MAX_ATTRIBUTES + 1 }, (_, at) => `a${at}="1"`);
      expect(refusal(openIoc(`<x ${attributes.join(' ')}/>`)).message).to.include('attributes');
      expect(parse(openIoc(`<x ${attributes.slice(1).join(' ')}/>`)).id).to.equal('doc');
    });

    it('are refused with too many groups', () => {
      expect(refusal(openIoc(anyOf(anyOf('').repeat(30_000)))).message).to.include('groups');
    });

    it('are refused with a huge attribute, and a huge content counts as no match', () => {
      const attribute = (size: number): string => openIoc(`<x a="${'a'.repeat(size)}"/>`);
      expect(refusal(attribute(MAX_ATTRIBUTE_LENGTH + 1)).message).to.include('attribute is longer');
      expect(parse(attribute(MAX_ATTRIBUTE_LENGTH)).id).to.equal('doc');
      const content = parse(openIoc(anyOf(item({ content: 'a'.repeat(1_000_000) }))));
      expect(content.problems[0]?.detail).to.include(`longer than ${MAX_CONTENT_LENGTH}`);
      expect(termsIn(content)[0]?.content.length).to.be.at.most(MAX_CONTENT_LENGTH);
    });

    it('keep their title and description short', () => {
      const long = (tag: string): string => `<${tag}>${'é '.repeat(300_000)}</${tag}>`;
      const document = parse(`<ioc>${long('short_description')}${long('description')}<definition/></ioc>`);
      expect(document.name).to.have.length(256);
      expect(document.description).to.have.length(4000);
    });

    it('are taken with 10000 hashes, and within a second or so', () => {
      const hashes = Array.from({ length: 10_000 }, (_, at) => `'${at.toString(16).padStart(64, '0')}'`);
      const started = performance.now();
      const document = parsePattern(`[file:hashes.'SHA-256' IN (${hashes.join()})]`);
      expect(performance.now() - started).to.be.below(LONGEST_MS);
      expect(termsIn(document).filter(({ test }) => test.kind === 'hash')).to.have.length(10_000);
    });
  });

  describe('with regular expressions', () => {
    it('that are catastrophic elsewhere take time that grows with the text only', () => {
      const [term] = termsIn(parse(expression('(a+)+$')));
      const pattern = compilePattern(patternOf(term?.test));
      expect(pattern.test('xaaa')).to.equal(true);
      const started = performance.now();
      expect(pattern.test(`${'a'.repeat(100_000)}!`)).to.equal(false);
      expect(performance.now() - started).to.be.below(1_000);
    });

    it('that look around or back count as no match', () => {
      for (const source of ['(a)\\1', '(?<=a)b', '(?=a)b', '(?!a)b', 'a++', '(']) {
        const document = parse(expression(source));
        expect(document.problems[0]?.detail, source).to.include("not in RE2's syntax");
        expect(termsIn(document)[0]?.test, source).to.deep.equal({ kind: 'never' });
      }
      expect(parse(expression('(?:a)+b')).problems).to.deep.equal([]);
    });

    it('that are long or become large count as no match', () => {
      expect(parse(expression('a'.repeat(3_000))).problems[0]?.detail).to.include('longer than');
      expect(
        parse(expression('(?:[^a]{31}){31}(?:[^b]{31}){31}(?:[^c]{31}){31}')).problems[0]?.detail,
      ).to.include('compiles to more than');
      expect(parse(expression('((a{100}){100}){100}')).problems).to.have.length(1);
    });

    it('may not be too large together', () => {
      const started = performance.now();
      const many = Array.from({ length: 1_000 }, (_, at) =>
        item({ condition: 'matches', content: `${at}x{900}` }),
      );
      const document = parse(openIoc(anyOf(...many)));
      expect(performance.now() - started).to.be.below(LONGEST_MS);
      const usable = termsIn(document).filter(({ test }) => test.kind === 'pattern');
      expect(usable.length).to.be.within(10, 50);
      expect(document.problems).to.have.length(1_000 - usable.length);
      expect(document.problems[0]?.detail).to.include('too large together');
    });
  });

  describe('that are no text', () => {
    it('are refused when they are not UTF-8', () => {
      const [before = '', after = ''] = openIoc(anyOf(item({ content: 'XX' }))).split('XX');
      for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc3]]) {
        const content = Uint8Array.from([...bytes(before), ...bad, ...bytes(after)]);
        expect(refusal(content)).to.include({ reason: 'encoding' });
      }
      expect(parseIoc(Uint8Array.from([...bytes(before), 0xc3, 0xa9, ...bytes(after)])).id).to.equal('doc');
      expect(refusal(Buffer.from(`\ufeff${openIoc('')}`, 'utf16le'))).to.include({ reason: 'encoding' });
    });

    it('are refused when they are empty, or anything else', () => {
      expect(refusal('')).to.include({ reason: 'format' });
      expect(refusal(' \n')).to.include({ reason: 'format' });
      expect(refusal('MZ')).to.include({ reason: 'format' });
      expect(refusal(Buffer.alloc(1000))).to.include({ reason: 'format' });
    });

    it('are refused with control characters', () => {
      const error = refusal(`<ioc>\n${openIoc('').slice(5).replace('Doc', 'D\u0000c')}`);
      expect(error).to.include({ reason: 'malformed', line: 2 });
    });
  });

  it('of both languages never grow a tree through their problems', () => {
    const unknown = Array.from({ length: 5_000 }, (_, at) =>
      stixIndicator(`[x:y${at} = 1]`, { id: `indicator--${at}` }),
    );
    const document = parse(stixBundle(...unknown));
    expect(document.problems).to.have.length(5_000);
    expect(termsIn(document)).to.have.length(5_000);
  });
});
