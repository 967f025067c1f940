import { TERMS } from '../../../../shared/ioc/terms.js';

/** Makes documents that nobody would write, the same for the same seed. */

/** Numbers from 0 up to 1, spread evenly (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const XML_WORDS =
  `<ioc id="a"> </ioc> <OpenIOC> </OpenIOC> <definition> </definition> <criteria> </criteria> <Indicator operator="OR">
  <Indicator operator="AND" id="b"> </Indicator> <IndicatorItem condition="is"> <IndicatorItem condition="matches" negate="true">
  <IndicatorItem condition="contains" preserve-case="true"> </IndicatorItem> <Context search="FileItem/Md5sum"/>
  <Context search="PortItem/remoteIP"/> <Context search="FileItem/Created"/> <Context search="Email/From"/> <Content> </Content>
  <Content type="int"> 1|TO|2 10.0.0.0/8 2014-08-23 (a+)+$ [a-z]{2,9} <!-- --> <![CDATA[ ]]> <?xml|version="1.0"?> <!DOCTYPE
  &amp; &#65; &x; &#x110000; < > & " ' = / <a|b="c"> </a> <x:y> é \u{1f600} d41d8cd98f00b204e9800998ecf8427e <short_description>
  </short_description> <metadata> </metadata> hasOwnProperty="1" __proto__="2"`
    .split(/\s+/)
    .map((word) => word.replaceAll('|', ' '));

const PATTERN_WORDS =
  `[ ] ( ) ( ) AND OR FOLLOWEDBY NOT EXISTS = != > < >= <= IN LIKE MATCHES ISSUBSET ISSUPERSET file:name
  file:hashes.'SHA-256' file:size ipv4-addr:value domain-name:value windows-registry-key:key process:pid x:y.z[*].'q' 'a' 'a%_'
  '10.0.0.0/8' '(a+)+$' 'it\\\\'s' 5 -1 1.5 true t'2016-01-01T00:00:00Z' h'00' , WITHIN SECONDS REPEATS TIMES START STOP . : *
  /* */ // '`.split(/\s+/);

const JSON_WORDS =
  `{ } [ ] , : "type" "bundle" "indicator" "objects" "id" "pattern" "pattern_type" "stix" "name" null true 1e999 -0
  "revoked" "valid_until" "2030-01-01T00:00:00Z" "__proto__" "\\\\ud800" "`.split(/\s+/);

const CONDITIONS =
  'is isnot contains containsnot starts-with ends-with matches greater-than less-than no'.split(' ');

const CONTENTS = [
  ...[
    '',
    ' ',
    'a',
    'C:\\Temp\\x.exe',
    'HKLM\\Software',
    "it's",
    '%_%',
    '-1',
    '5',
    '0x1F',
    '[1 TO 2]',
    '9 TO 1',
    '1 TO 2 TO 3',
  ],
  ...[
    '2014-08-23',
    '2014-08-23T08:22:49Z',
    '2014-08-23 TO 2014-08-24',
    '2014-13-45',
    '0000-00-00',
    'PT1H',
    '1:02:03',
  ],
  ...[
    '10.0.0.1',
    '10.0.0.0/8',
    '10.0.0.0/99',
    '10.',
    '10.0.0.1 TO 10.0.0.9',
    'fe80::1%eth0',
    'fe80:',
    '::/0',
    '1::2::3',
  ],
  ...['d41d8cd98f00b204e9800998ecf8427e', 'a'.repeat(40), 'g'.repeat(64), 'true', 'NO', '00-1b-44-11-3a-b7'],
  ...[
    '(a+)+$',
    '(a)\\1',
    '[',
    '(?i)x{90}',
    '((a{9}){9}){9}',
    '\\pL+',
    '(?<=a)',
    '\u{1f600}',
    'a'.repeat(500),
  ],
];

const PATHS =
  `file:name file:size file:mtime file:hashes.MD5 file:hashes.'SHA-256' directory:path ipv4-addr:value ipv6-addr:value
  domain-name:value windows-registry-key:key windows-registry-key:values[*].data process:pid user-account:user_id
  user-account:is_disabled mac-addr:value network-traffic:dst_port email-addr:value x:y.'z'[0]`.split(/\s+/);

const stix = (pattern: string): Buffer =>
  Buffer.from(JSON.stringify({ type: 'indicator', id: 'i', pattern_type: 'stix', pattern }));

export class Soup {
  constructor(
    private readonly random: () => number,
    /** Documents that mutations begin with. */
    private readonly seeds: readonly string[],
  ) {}

  /** A mutation, words of XML, of JSON or of a pattern, or a document that keeps the grammar and asks strange things. */
  next(): Uint8Array {
    const kind = this.random();
    if (kind < 0.35) return this.mutation(Buffer.from(this.one(this.seeds)));
    if (kind < 0.45)
      return Buffer.from(this.words(XML_WORDS, 40, '', this.random() < 0.5 ? '<ioc><definition>' : ''));
    if (kind < 0.5) return Buffer.from(this.words(JSON_WORDS, 30, '', '{'));
    if (kind < 0.6)
      return stix(this.words(PATTERN_WORDS, 30, ' ', this.random() < 0.7 ? '[file:name = ' : ''));
    const document = kind < 0.8 ? this.openIoc() : stix(`[${this.comparisons(4)}]`);
    return this.random() < 0.3 ? this.mutation(document) : document;
  }

  private openIoc(): Buffer {
    return Buffer.from(`<ioc id="a"><definition>${this.group(4)}</definition></ioc>`);
  }

  private group(levels: number): string {
    const members = Array.from({ length: this.below(4) }, () =>
      levels > 0 && this.random() < 0.4 ? this.group(levels - 1) : this.indicator(),
    );
    return `<Indicator operator="${this.one(['AND', 'OR'])}">${members.join('')}</Indicator>`;
  }

  private indicator(): string {
    const content = this.one(CONTENTS).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    const flags = `negate="${this.one(['true', 'false'])}" preserve-case="${this.one(['true', 'false'])}"`;
    return (
      `<IndicatorItem condition="${this.one(CONDITIONS)}" ${flags}><Context search="${this.one(TERMS).term}"/>` +
      `<Content>${content}</Content></IndicatorItem>`
    );
  }

  private comparisons(levels: number): string {
    const joint = this.one([' AND ', ' OR ']);
    return Array.from({ length: 1 + this.below(3) }, () =>
      levels > 0 && this.random() < 0.4 ? `(${this.comparisons(levels - 1)})` : this.comparison(),
    ).join(joint);
  }

  private comparison(): string {
    const value = `'${this.one(CONTENTS).replaceAll(/['\\]/g, '\\$&')}'`;
    const not = this.random() < 0.2 ? 'NOT ' : '';
    const operator = this.one(['=', '!=', '<', '>=', 'LIKE', 'MATCHES', 'ISSUBSET', 'IN']);
    return `${this.one(PATHS)} ${not}${operator} ${operator === 'IN' ? `(${value}, ${value})` : value}`;
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private one<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  private words(list: readonly string[], most: number, between: string, begin: string): string {
    return begin + Array.from({ length: this.below(most) }, () => this.one(list)).join(between);
  }

  /** A document with one to four changes: bytes turned, pieces cut, doubled, moved, or words put in. */
  private mutation(seed: Buffer): Uint8Array {
    let content = seed;
    for (let changes = 1 + this.below(4); changes > 0; changes -= 1) content = this.changed(content);
    return content;
  }

  private changed(content: Buffer): Buffer<ArrayBuffer> {
    const at = this.below(content.length);
    const end = Math.min(content.length, at + this.below(60));
    const [before, piece, after] = [
      content.subarray(0, at),
      content.subarray(at, end),
      content.subarray(end),
    ];
    switch (this.below(6)) {
      case 0:
        return Buffer.concat([before, Buffer.from([this.below(256)]), content.subarray(at + 1)]);
      case 1:
        return Buffer.concat([before, after]);
      case 2:
        return Buffer.concat([before, piece, piece, after]);
      case 3:
        return Buffer.concat([after, piece, before]);
      case 4:
        return Buffer.concat([before, Buffer.from(this.one(XML_WORDS)), after]);
      default:
        return Buffer.concat([before, Buffer.from(this.one(PATTERN_WORDS)), after]);
    }
  }
}
