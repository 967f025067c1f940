import { expect } from 'chai';
import type { Condition, Test } from '../../../../shared/ioc/model.js';
import { PatternBudget } from '../../../../shared/ioc/pattern.js';
import { lookUpTerm } from '../../../../shared/ioc/terms.js';
import { makeTest } from '../../../../shared/ioc/values.js';

function made(term: string, condition: Condition, content: string, preserveCase = false): Test | string {
  const entry = lookUpTerm(term);
  if (entry === undefined) throw new Error(`${term} is not in the catalogue`);
  const result = makeTest({ entry, condition, content, preserveCase }, new PatternBudget(10_000));
  return 'test' in result ? result.test : result.problem;
}

const SIZE = 'FileItem/SizeInBytes';
const DATE = 'FileItem/Created';
const IP = 'PortItem/remoteIP';
const NAME = 'FileItem/FileName';

const numbers = (from: number, to: number, exclusive?: 'from' | 'to'): Test => ({
  kind: 'number',
  ranges: [exclusive === undefined ? { from, to } : { from, to, exclusive }],
});
const dates = (from: string, to: string): Test => ({
  kind: 'date',
  ranges: [{ from: Date.parse(from), to: Date.parse(to) }],
});
const addresses = (family: 4 | 6, first: bigint, last: bigint): Test => ({
  kind: 'address',
  ranges: [{ family, first, last }],
});

describe('what a term asks', () => {
  describe('of text', () => {
    it('is folded unless case counts', () => {
      expect(made(NAME, 'contains', 'ABC')).to.deep.include({ how: 'contains', text: 'abc', foldCase: true });
      expect(made(NAME, 'contains', 'ABC', true)).to.deep.include({ text: 'ABC', foldCase: false });
    });

    it('keeps space at its ends, but not the layout of the document', () => {
      expect(made(NAME, 'is', ' -k ')).to.deep.include({ text: ' -k ' });
      expect(made(NAME, 'is', '\n   a b\n  ')).to.deep.include({ text: 'a b' });
    });

    it('knows the short names of hives, and both ways to write link addresses', () => {
      const path = made('RegistryItem/Path', 'is', 'HKLM\\Software\\X', true);
      expect(path).to.deep.include({ text: 'HKEY_LOCAL_MACHINE\\Software\\X' });
      expect(made('RegistryItem/Hive', 'is', 'HKCU', true)).to.deep.include({ text: 'HKEY_CURRENT_USER' });
      expect(made('RegistryItem/Path', 'contains', 'HKLM', true)).to.deep.include({ text: 'HKLM' });
      expect(made('SystemInfoItem/MAC', 'is', '00-1B-44-11-3A-B7')).to.deep.include({
        text: '00:1b:44:11:3a:b7',
      });
    });

    it('has no order', () => {
      expect(made(NAME, 'greater-than', 'a')).to.equal('"greater-than" does not go with text.');
    });
  });

  describe('of numbers', () => {
    it('is a value, a range with or without brackets, or an open end', () => {
      expect(made(SIZE, 'is', ' 154192 ')).to.deep.equal(numbers(154192, 154192));
      expect(made(SIZE, 'is', '49600 TO 50700')).to.deep.equal(numbers(49600, 50700));
      expect(made(SIZE, 'is', '[154192 TO 154192]')).to.deep.equal(numbers(154192, 154192));
      expect(made(SIZE, 'is', '0x10')).to.deep.equal(numbers(16, 16));
      expect(made(SIZE, 'less-than', '5')).to.deep.equal(numbers(-Infinity, 5, 'to'));
    });

    it('counts as no match when it cannot be read or the condition is for text', () => {
      expect(made(SIZE, 'is', '5 TO 4')).to.equal('"5 TO 4" cannot be read as a whole number.');
      expect(made(SIZE, 'less-than', '4 TO 5')).to.be.a('string');
      expect(made(SIZE, 'is', '1.5')).to.be.a('string');
      expect(made(SIZE, 'contains', '5')).to.equal('"contains" does not go with a whole number.');
    });

    it('takes durations in seconds, as a clock shows them, and in ISO 8601', () => {
      const time = 'ProcessItem/userTime';
      expect(made(time, 'is', '90')).to.deep.equal(numbers(90, 90));
      expect(made(time, 'is', '00:01:30')).to.deep.equal(numbers(90, 90));
      expect(made(time, 'greater-than', 'PT1M30S')).to.deep.equal(numbers(90, Infinity, 'from'));
      expect(made(time, 'is', 'PT')).to.be.a('string');
    });
  });

  describe('of dates', () => {
    it('is the whole second, or the whole day where there is no time', () => {
      const second = dates('2014-08-23T08:22:49.000Z', '2014-08-23T08:22:49.999Z');
      expect(made(DATE, 'is', '2014-08-23T08:22:49Z')).to.deep.equal(second);
      expect(made(DATE, 'is', '2014-08-23 10:22:49+02:00')).to.deep.equal(second);
      expect(made(DATE, 'is', '2014-08-23')).to.deep.equal(
        dates('2014-08-23T00:00:00.000Z', '2014-08-23T23:59:59.999Z'),
      );
      expect(made(DATE, 'is', '2014-08-23T08:22:49.5Z')).to.deep.equal(
        dates('2014-08-23T08:22:49.500Z', '2014-08-23T08:22:49.500Z'),
      );
    });

    it('is a range up to the end of its last day', () => {
      expect(made(DATE, 'is', '2014-08-23 TO 2014-08-24')).to.deep.equal(
        dates('2014-08-23T00:00:00.000Z', '2014-08-24T23:59:59.999Z'),
      );
    });

    it('is later than the end of a day, or earlier than its beginning', () => {
      const later = { from: Date.parse('2014-08-23T23:59:59.999Z'), to: Infinity, exclusive: 'from' };
      expect(made(DATE, 'greater-than', '2014-08-23')).to.deep.equal({ kind: 'date', ranges: [later] });
      const earlier = { from: -Infinity, to: Date.parse('2014-08-23T00:00:00.000Z'), exclusive: 'to' };
      expect(made(DATE, 'less-than', '2014-08-23')).to.deep.equal({ kind: 'date', ranges: [earlier] });
    });

    it('counts as no match on a day that no calendar has', () => {
      expect(made(DATE, 'is', '2015-02-29')).to.be.a('string');
      expect(made(DATE, 'is', '2016-02-29')).to.be.an('object');
      expect(made(DATE, 'is', '2016-01-01T24:00:00Z')).to.be.a('string');
      expect(made(DATE, 'is', '0001-01-01T00:00:00Z')).to.be.a('string');
    });
  });

  describe('of addresses', () => {
    const TEN = 0x0a_00_00_00n;

    it('is one, a network or a range', () => {
      expect(made(IP, 'is', '10.0.0.1')).to.deep.equal(addresses(4, TEN + 1n, TEN + 1n));
      expect(made(IP, 'is', '10.1.2.3/8')).to.deep.equal(addresses(4, TEN, 0x0a_ff_ff_ffn));
      expect(made(IP, 'is', '10.0.0.1 TO 10.0.0.9')).to.deep.equal(addresses(4, TEN + 1n, TEN + 9n));
      expect(made(IP, 'is', '::ffff:10.0.0.1')).to.deep.equal(addresses(4, TEN + 1n, TEN + 1n));
      expect(made(IP, 'is', '2001:db8::/32')).to.deep.equal(
        addresses(6, 0x20010db8n << 96n, (0x20010db9n << 96n) - 1n),
      );
    });

    it('may be contained, as a whole or as its beginning', () => {
      expect(made(IP, 'contains', '10.0.0.1')).to.deep.equal(addresses(4, TEN + 1n, TEN + 1n));
      expect(made(IP, 'contains', '10.')).to.deep.equal(addresses(4, TEN, 0x0a_ff_ff_ffn));
      expect(made(IP, 'starts-with', '10.1')).to.deep.equal(addresses(4, 0x0a_01_00_00n, 0x0a_01_ff_ffn));
      expect(made(IP, 'contains', 'fe80:1:')).to.deep.equal(
        addresses(6, 0xfe800001n << 96n, (0xfe800002n << 96n) - 1n),
      );
      expect(made(IP, 'contains', '10')).to.be.a('string');
    });

    it('may be an expression', () => {
      expect(made(IP, 'matches', '^10\\.')).to.deep.include({ kind: 'pattern', source: '^10\\.' });
    });

    it('counts as no match when it is none', () => {
      for (const content of [
        'evil.example',
        '10.0.0.300',
        '010.0.0.1',
        '10.0.0.1/33',
        '10.0.0.9 TO 10.0.0.1',
      ]) {
        expect(made(IP, 'is', content), content).to.be.a('string');
      }
    });
  });

  describe('of hashes and yes or no', () => {
    it('is as many digits as the hash has, in any case', () => {
      const md5 = 'D41D8CD98F00B204E9800998ECF8427E';
      expect(made('FileItem/Md5sum', 'is', md5)).to.deep.equal({ kind: 'hash', hex: md5.toLowerCase() });
      expect(made('FileItem/Md5sum', 'contains', md5)).to.deep.equal({
        kind: 'hash',
        hex: md5.toLowerCase(),
      });
      expect(made('FileItem/Sha1sum', 'is', md5)).to.be.a('string');
      expect(made('FileItem/Md5sum', 'is', md5.replace('D', 'G'))).to.be.a('string');
      expect(made('FileItem/Md5sum', 'contains', 'd41d')).to.be.a('string');
      expect(made('FileItem/Md5sum', 'starts-with', md5)).to.be.a('string');
    });

    it('is true or false', () => {
      expect(made('PortItem/isIPv6', 'is', 'True')).to.deep.equal({ kind: 'boolean', value: true });
      expect(made('PortItem/isIPv6', 'is', '0')).to.deep.equal({ kind: 'boolean', value: false });
      expect(made('PortItem/isIPv6', 'is', 'maybe')).to.be.a('string');
    });
  });

  it('must be something: nothing is part of everything', () => {
    expect(made(NAME, 'contains', ' ')).to.equal('The content is empty.');
    expect(made(NAME, 'contains', ' a')).to.be.an('object');
  });
});
