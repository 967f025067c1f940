import { expect } from 'chai';
import { dnsEntryCollector } from '../../../../../../agent/detect/collect/linux/dns-entries.js';
import { parseResolvedCache } from '../../../../../../agent/detect/collect/linux/resolved-cache.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../term-check.js';
import { temporaryRoot } from './temporary-root.js';

/**
 * What `resolvectl show-cache --json=short` of systemd 254.26 wrote after lookups of bad.example (A, AAAA), alias.example
 * and gone.example at a name server of our own. This system has an older systemd, or none.
 */
const SHOWN =
  '[{"protocol":"dns","cache":[{"key":{"class":1,"type":255,"name":"gone.example"},"type":"NXDOMAIN","until":2441833104},{"key":{"class":1,"type":5,"name":"alias.example"},"rrs":[{"rr":{"key":{"class":1,"type":5,"name":"alias.example"},"name":"bad.example"},"raw":"BWFsaWFzB2V4YW1wbGUAAAUAAQAAASwADQNiYWQHZXhhbXBsZQA="}],"until":2441832764},{"key":{"class":1,"type":1,"name":"bad.example"},"rrs":[{"rr":{"key":{"class":1,"type":1,"name":"bad.example"},"address":[198,51,100,7]},"raw":"A2JhZAdleGFtcGxlAAABAAEAAAEsAATGM2QH"}],"until":2441832764},{"key":{"class":1,"type":28,"name":"bad.example"},"rrs":[{"rr":{"key":{"class":1,"type":28,"name":"bad.example"},"address":[32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,7]},"raw":"A2JhZAdleGFtcGxlAAAcAAEAAAEsABAgAQ24AAAAAAAAAAAAAAAH"}],"until":2441832341}]}]';

(process.platform === 'linux' ? describe : describe.skip)('names that Linux answers from memory', () => {
  const root = temporaryRoot();
  const tool = { code: 0, stdout: SHOWN, stderr: '' };
  const withResolved = root.system({ runTool: () => Promise.resolve(tool) });

  before(() => {
    root.write(
      'etc/hosts',
      '127.0.0.1 localhost\n203.0.113.5  update.example cdn.example # was added\n::1 six\nnot-an-address name\n',
    );
    root.write('run/systemd/resolve/resolv.conf', '');
  });

  after(() => root.remove());

  describe('in the cache of systemd-resolved', () => {
    const collector = dnsEntryCollector(withResolved);
    const all = async () =>
      (await collectAll(collector)).items.filter(
        ({ values }) => values.get('DnsEntryItem/Host')?.[0] !== 'localhost',
      );

    itTellsEveryTerm(collector, async () => {
      // No record has all of them: what its records say together.
      const values = new Map<string, (string | number | boolean)[]>();
      for (const item of await all()) {
        for (const [term, found] of item.values) values.set(term, [...(values.get(term) ?? []), ...found]);
      }
      return {
        item: { type: 'DnsEntryItem', values },
        known: {
          Host: 'gone.example',
          RecordName: 'bad.example',
          RecordType: 'CNAME',
          'RecordData/Host': 'bad.example',
          'RecordData/IPv4Address': '198.51.100.7',
          'RecordData/IPv6Address': '2001:db8::7',
        },
      };
    });

    it('stand record by record, and a name that does not exist has no data', async () => {
      expect(parseResolvedCache(SHOWN)).to.deep.equal([
        { name: 'gone.example', type: undefined, address: undefined, target: undefined },
        { name: 'alias.example', type: 'CNAME', address: undefined, target: 'bad.example' },
        { name: 'bad.example', type: 'A', address: '198.51.100.7', target: undefined },
        { name: 'bad.example', type: 'AAAA', address: '2001:db8:0:0:0:0:0:7', target: undefined },
      ]);
      const { problems } = await collectAll(collector);
      expect(problems).to.deep.equal([]);
    });
  });

  it('are read from /etc/hosts too', async () => {
    const collected = await collectAll(dnsEntryCollector(withResolved));
    const four = itemWith(collected, 'DnsEntryItem/Host', 'cdn.example');
    expect(four.values.get('DnsEntryItem/RecordData/IPv4Address')).to.deep.equal(['203.0.113.5']);
    expect(four.values.get('DnsEntryItem/RecordType')).to.deep.equal(['A']);
    const six = itemWith(collected, 'DnsEntryItem/Host', 'six');
    expect(six.values.get('DnsEntryItem/RecordData/IPv6Address')).to.deep.equal(['::1']);
    expect(() => itemWith(collected, 'DnsEntryItem/Host', 'name')).to.throw('no item');
    expect(() => itemWith(collected, 'DnsEntryItem/Host', 'added')).to.throw('no item');
  });

  it('are incomplete where nothing remembers answers, and that is reported', async () => {
    const bare = temporaryRoot();
    bare.write('etc/hosts', '127.0.0.1 localhost\n');
    const { items, problems } = await collectAll(dnsEntryCollector(bare.system()));
    bare.remove();
    expect(items).to.have.length(1);
    expect(problems.join()).to.match(/systemd-resolved does not run/);
  });

  it('are incomplete where resolvectl is too old, and that is reported', async () => {
    const old = root.system({
      runTool: () => Promise.resolve({ code: 1, stdout: '', stderr: 'Unknown command verb show-cache.' }),
    });
    const { items, problems } = await collectAll(dnsEntryCollector(old));
    expect(items).to.have.length(4);
    expect(problems.join()).to.match(/Unknown command verb show-cache.*systemd 254/);
  });
});
