import { expect } from 'chai';
import { IocDocumentError } from '../../../../shared/ioc/document-error.js';
import { NOW, parse, parsePattern, shape, stixBundle, stixIndicator, termsIn } from './documents.js';

const shapeOf = (pattern: string): string => shape(parsePattern(pattern).root);
const whyNot = (pattern: string): string[] => parsePattern(pattern).problems.map(({ detail }) => detail);

describe('STIX documents', () => {
  it('are a bundle whose indicators are alternatives, or one indicator', () => {
    const two = stixIndicator("[file:name = 'b']", { id: 'indicator--2', description: 'x' });
    const document = parse(stixBundle(stixIndicator("[file:name = 'a']"), { type: 'malware' }, two));
    expect(document).to.include({ id: 'bundle--1', name: 'One and 1 more', format: 'stix-2.1' });
    expect(shape(document.root)).to.equal('(FileItem/FileName is a OR FileItem/FileName is b)');
    expect(termsIn(document).map(({ id }) => id)).to.deep.equal(['indicator--1', 'indicator--2']);
    expect(parse(JSON.stringify(two))).to.include({ id: 'indicator--2', name: 'One', description: 'x' });
  });

  it('have the id of an indicator that is alone in its bundle, since bundles get a new one each time', () => {
    expect(parse(stixBundle(stixIndicator("[file:name = 'a']"))).id).to.equal('indicator--1');
  });

  it('count what is revoked or no longer valid as no match, and what is valid as it is', () => {
    const of = (more: object): string => {
      const document = parse(stixBundle(stixIndicator("[file:name = 'a']", more)));
      return `${shape(document.root)} ${document.problems[0]?.detail ?? ''}`;
    };
    expect(of({ revoked: true })).to.equal('(never indicator) The indicator is revoked.');
    expect(of({ revoked: false })).to.equal('(FileItem/FileName is a) ');
    const past = new Date(NOW).toISOString();
    expect(of({ valid_until: past })).to.equal(`(never indicator) The indicator is valid until ${past}.`);
    expect(of({ valid_until: new Date(NOW + 1).toISOString() })).to.equal('(FileItem/FileName is a) ');
    expect(of({ valid_until: 'soon' })).to.include('never indicator');
  });

  it('count a pattern that cannot be read as no match, and are refused when none can', () => {
    const bad = stixIndicator('[file:name = ', { id: 'indicator--2' });
    const document = parse(stixBundle(bad, stixIndicator("[file:name = 'a']")));
    expect(shape(document.root)).to.equal('(never pattern OR FileItem/FileName is a)');
    expect(document.problems).to.deep.equal([
      {
        indicatorId: 'indicator--2',
        term: 'pattern',
        detail: 'The pattern is not STIX at character 14: a value is expected.',
      },
    ]);
    expect(() => parse(stixBundle(bad))).to.throw(IocDocumentError, 'character 14');
    expect(() => parse(stixBundle(stixIndicator('rule x', { pattern_type: 'yara' })))).to.throw(
      IocDocumentError,
      'only "stix" can be read',
    );
  });

  it('are refused when they are no indicators', () => {
    expect(() => parse('{"type":"report"}')).to.throw(IocDocumentError, 'neither a STIX "bundle"');
    expect(() => parse(stixBundle({ type: 'malware' }))).to.throw(IocDocumentError, 'no object of type');
    expect(() => parse('{"type":\n"bundle",}')).to.throw(IocDocumentError, /not well-formed JSON/);
    expect(() => parse('[]')).to.throw(IocDocumentError, 'nor a JSON object');
  });
});

describe('STIX patterns', () => {
  describe('name the properties of objects', () => {
    const FOUND: readonly (readonly [string, string])[] = [
      [
        "file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e'",
        'FileItem/Md5sum is d41d8cd98f00b204e9800998ecf8427e',
      ],
      [
        "file:hashes.'MD5' = 'd41d8cd98f00b204e9800998ecf8427e'",
        'FileItem/Md5sum is d41d8cd98f00b204e9800998ecf8427e',
      ],
      [`file:hashes.'SHA-1' = '${'a'.repeat(40)}'`, `FileItem/Sha1sum is ${'a'.repeat(40)}`],
      [`file:hashes.SHA-256 = '${'a'.repeat(64)}'`, `FileItem/Sha256sum is ${'a'.repeat(64)}`],
      [`file:hashes.'SHA-256' = '${'A'.repeat(64)}'`, `FileItem/Sha256sum is ${'A'.repeat(64)}`],
      ["file:name = 'a'", 'FileItem/FileName is a'],
      ['file:size = 5', 'FileItem/SizeInBytes is 5'],
      ["file:mtime > t'2016-01-01T00:00:00Z'", 'FileItem/Modified greater-than 2016-01-01T00:00:00Z'],
      ["file:parent_directory_ref.path = '/tmp/'", 'FileItem/FilePath is /tmp'],
      ["directory:path = 'C:\\\\Temp'", 'FileItem/FilePath is C:\\Temp'],
      ["network-traffic:dst_ref.value = '10.0.0.1'", 'PortItem/remoteIP is 10.0.0.1'],
      ["network-traffic:src_ref.value ISSUBSET '10.0.0.0/8'", 'PortItem/localIP is 10.0.0.0/8'],
      ['network-traffic:dst_port = 443', 'PortItem/remotePort is 443'],
      ['network-traffic:src_port = 443', 'PortItem/localPort is 443'],
      ["process:name = 'a'", 'ProcessItem/name is a'],
      ["process:image_ref.name = 'a'", 'ProcessItem/name is a'],
      ["process:binary_ref.name = 'a'", 'ProcessItem/name is a'],
      ["process:command_line LIKE '%-k_'", 'ProcessItem/arguments matches ^(?s:.*-k.)$'],
      ['process:pid = 5', 'ProcessItem/pid is 5'],
      ["process:extensions.'windows-service-ext'.service_name = 'a'", 'ServiceItem/name is a'],
      ["windows-registry-key:key = 'Software\\\\X'", 'RegistryItem/KeyPath is Software\\X'],
      ["windows-registry-key:values[*].name = 'a'", 'RegistryItem/ValueName is a'],
      ["windows-registry-key:values[3].data = 'a'", 'RegistryItem/Text is a'],
      ["url:value = 'http://x/'", 'Network/URI is http://x/'],
      ["user-account:user_id = '1000'", 'UserItem/userid is 1000'],
      ["user-account:user_id = 'S-1-5-21'", 'UserItem/SecurityID is S-1-5-21'],
      ["user-account:account_login = 'a'", 'UserItem/Username is a'],
      ["user-account:display_name = 'a'", 'UserItem/fullname is a'],
      ["mac-addr:value = '00:1b:44:11:3a:b7'", 'ArpEntryItem/PhysicalAddress is 00:1b:44:11:3a:b7'],
    ];
    for (const [comparison, found] of FOUND) {
      it(comparison.slice(0, 70), () => {
        const document = parsePattern(`[${comparison}]`);
        expect(shape(document.root)).to.equal(`(${found})`);
        expect(document.problems).to.deep.equal([]);
      });
    }

    it('which may be in several places', () => {
      expect(shapeOf("[domain-name:value = 'x.example']")).to.equal(
        '((DnsEntryItem/RecordName is x.example OR DnsEntryItem/Host is x.example OR Network/DNS is x.example))',
      );
      expect(shapeOf("[ipv4-addr:value = '10.0.0.1']")).to.equal(
        '((PortItem/remoteIP is 10.0.0.1 OR DnsEntryItem/RecordData/IPv4Address is 10.0.0.1))',
      );
      expect(shapeOf("[ipv6-addr:value = '2001:db8::1']")).to.equal(
        '((PortItem/remoteIP is 2001:db8::1 OR DnsEntryItem/RecordData/IPv6Address is 2001:db8::1))',
      );
    });

    it('and registry keys with their hive, short or long', () => {
      const found = '((RegistryItem/Hive is HKEY_LOCAL_MACHINE AND RegistryItem/KeyPath is Software\\X))';
      expect(shapeOf("[windows-registry-key:key = 'HKLM\\\\Software\\\\X']")).to.equal(found);
      expect(shapeOf("[windows-registry-key:key = 'hkey_local_machine\\\\Software\\\\X']")).to.equal(found);
      expect(shapeOf("[windows-registry-key:key LIKE 'HKEY_LOCAL_MACHINE\\\\Soft%']")).to.equal(
        '((RegistryItem/Hive is HKEY_LOCAL_MACHINE AND RegistryItem/KeyPath matches ^(?s:Soft.*)$))',
      );
    });

    it('that no device can look at count as no match', () => {
      expect(shapeOf("[email-addr:value = 'a@b' OR file:name = 'a']")).to.equal(
        '((never email-addr:value OR FileItem/FileName is a))',
      );
      expect(whyNot("[file:hashes.'SSDEEP' = 'a']")).to.deep.equal(['No device can look at this property.']);
    });
  });

  describe('compare', () => {
    it('with all operators that a test has', () => {
      expect(shapeOf("[file:name != 'a']")).to.equal('(not FileItem/FileName is a)');
      expect(shapeOf("[file:name NOT = 'a']")).to.equal('(not FileItem/FileName is a)');
      expect(shapeOf("[file:name NOT != 'a']")).to.equal('(FileItem/FileName is a)');
      expect(shapeOf('[file:size >= 5]')).to.equal(
        '((FileItem/SizeInBytes greater-than 5 OR FileItem/SizeInBytes is 5))',
      );
      expect(shapeOf('[file:size < 5]')).to.equal('(FileItem/SizeInBytes less-than 5)');
      expect(shapeOf("[file:name IN ('a', 'b')]")).to.equal(
        '((FileItem/FileName is a OR FileItem/FileName is b))',
      );
      expect(shapeOf("[file:name NOT IN ('a', 'b')]")).to.equal(
        '((not FileItem/FileName is a AND not FileItem/FileName is b))',
      );
    });

    it('negated, so that nothing may hold that would make the plain one hold', () => {
      expect(shapeOf("[windows-registry-key:key != 'HKLM\\\\X']")).to.equal(
        '((not RegistryItem/Hive is HKEY_LOCAL_MACHINE OR not RegistryItem/KeyPath is X))',
      );
      expect(shapeOf("[ipv4-addr:value != '10.0.0.1']")).to.equal(
        '((not PortItem/remoteIP is 10.0.0.1 AND not DnsEntryItem/RecordData/IPv4Address is 10.0.0.1))',
      );
    });

    it('with regard to case only in expressions, and never where no system knows case', () => {
      const folds = (pattern: string): unknown => {
        const [term] = termsIn(parsePattern(pattern));
        return term?.test.kind === 'pattern' || term?.test.kind === 'text' ? term.test.foldCase : term;
      };
      expect(folds("[file:name = 'A']")).to.equal(true);
      expect(folds("[file:name LIKE 'A%']")).to.equal(true);
      expect(folds("[file:name MATCHES '^A']")).to.equal(false);
      expect(folds("[domain-name:value MATCHES '^A']")).to.equal(true);
    });

    it('LIKE takes every other character as itself', () => {
      const [term] = termsIn(parsePattern("[file:name LIKE 'a.b(c)[d]%']"));
      expect(term?.test).to.deep.include({ source: '^(?s:a\\.b\\(c\\)\\[d\\].*)$' });
    });

    it('with what is not supported as no match', () => {
      expect(whyNot('[EXISTS file:name]')).to.deep.equal(['EXISTS is not supported.']);
      expect(whyNot("[ipv4-addr:value ISSUPERSET '10.0.0.0/8']")).to.deep.equal([
        'ISSUPERSET is not supported.',
      ]);
      expect(whyNot("[file:name MATCHES '(a)\\\\1']")[0]).to.include("not in RE2's syntax");
    });

    it('texts with quotes, backslashes and comments between them', () => {
      expect(shapeOf("[ /* x */ file:name = 'it\\'s \\\\ ' // y\n]")).to.equal(
        "(FileItem/FileName is it's \\ )",
      );
    });
  });

  describe('join', () => {
    it('AND closer than OR, and parentheses closest', () => {
      const [a, b, c] = ['a', 'b', 'c'].map((name) => `file:name = '${name}'`);
      const [x, y, z] = ['a', 'b', 'c'].map((name) => `FileItem/FileName is ${name}`);
      expect(shapeOf(`[${a} OR ${b} AND ${c}]`)).to.equal(`((${x} OR (${y} AND ${z})))`);
      expect(shapeOf(`[(${a} OR ${b}) AND ${c}]`)).to.equal(`(((${x} OR ${y}) AND ${z}))`);
      expect(shapeOf(`([${a}] OR [process:pid = 1]) AND [process:pid = 2 OR ${c}]`)).to.equal(
        `(((${x} OR ProcessItem/pid is 1) AND (ProcessItem/pid is 2 OR ${z})))`,
      );
    });

    it('observations of different kinds, but not two that need an item each', () => {
      expect(shapeOf("[file:name = 'a'] AND [process:pid = 1]")).to.equal(
        '((FileItem/FileName is a AND ProcessItem/pid is 1))',
      );
      expect(shapeOf("[file:name = 'a'] AND [file:name = 'b']")).to.equal('(never AND)');
    });

    it('FOLLOWEDBY and counts, which one look cannot tell, as no match', () => {
      expect(shapeOf("[file:name = 'a'] FOLLOWEDBY [process:pid = 1]")).to.equal('(never FOLLOWEDBY)');
      expect(shapeOf("[file:name = 'a'] REPEATS 2 TIMES")).to.equal('(never REPEATS)');
      expect(shapeOf("[file:name = 'a'] REPEATS 1 TIMES")).to.equal('(FileItem/FileName is a)');
      expect(shapeOf("[file:name = 'a'] WITHIN 5 SECONDS")).to.equal('(FileItem/FileName is a)');
      expect(shapeOf("([file:name = 'a'] AND [process:pid = 1]) WITHIN 5 SECONDS")).to.equal(
        '(never WITHIN)',
      );
      const times = "START t'2016-01-01T00:00:00Z' STOP t'2017-01-01T00:00:00Z'";
      expect(shapeOf(`[file:name = 'a'] ${times}`)).to.equal('(never START)');
    });
  });
});
