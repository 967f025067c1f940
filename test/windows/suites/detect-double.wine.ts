import { expect } from 'chai';
import { dnsCalls, dnsCollector } from '../../../agent/detect/collect/windows/dns-item.js';
import { eventLogCalls } from '../../../agent/detect/collect/windows/event-log-calls.js';
import { eventLogCollector } from '../../../agent/detect/collect/windows/event-log-item.js';
import { caller, systemLibrary } from '../../../agent/windows/library.js';
import { collectAll, expectEveryTerm, expectItem, only, valuesOf, type HitAndMiss } from './detect-items.js';

const DOUBLE = process.env.CORDON_DETECT_DOUBLE ?? '';

describe('names and events of Windows, by a double', () => {
  let outside: () => number;
  before(async () => {
    outside = caller(await systemLibrary('', DOUBLE))('uint32_t DoubleOpen()');
  });
  afterEach(() => expect(outside()).to.equal(0));

  it('are those in the cache of the DNS client, with what it was told', async () => {
    const collector = dnsCollector(() => dnsCalls(DOUBLE));
    const { items, problems } = await collectAll(collector);
    expect(problems).to.deep.equal([]);
    expect(items).to.have.length(4);
    const alias: Record<string, HitAndMiss> = {
      Host: ['evil.example', 'host.evil.example'],
      RecordName: ['evil.example', 'evil'],
      RecordType: ['CNAME', 'A'],
      Flags: ['0x2001', '0x2000'],
      TimeToLive: [321, 320],
      DataLength: [8, 4],
      'RecordData/Host': ['host.evil.example', 'evil.example'],
    };
    expectItem(only(items, { RecordType: 'CNAME' }), alias);
    const four: Record<string, HitAndMiss> = {
      Host: ['evil.example', 'evil'],
      RecordName: ['host.evil.example', 'evil.example'],
      'RecordData/IPv4Address': ['192.0.2.7', '7.2.0.192'],
    };
    expectItem(only(items, { 'RecordData/IPv4Address': '192.0.2.7' }), four);
    const six: Record<string, HitAndMiss> = { 'RecordData/IPv6Address': ['2001:db8::7', '2001:db8::8'] };
    expectItem(only(items, { RecordType: 'AAAA' }), six);
    // A name of which the cache has no more than that somebody asked for it.
    expect([...only(items, { Host: 'gone.example' }).values.keys()]).to.deep.equal([
      'DnsEntryItem/Host',
      'DnsEntryItem/RecordName',
      'DnsEntryItem/RecordType',
      'DnsEntryItem/Flags',
    ]);
    expectEveryTerm(collector, [...new Set([alias, four, six].flatMap((shown) => Object.keys(shown)))]);
  });

  it('are looked up no further where no document asks for the answers', async () => {
    const terms = new Set(['DnsEntryItem/Host']);
    const { items } = await collectAll(
      dnsCollector(() => dnsCalls(DOUBLE)),
      {},
      terms,
    );
    expect(items).to.have.length(2);
  });

  it('are the events of the logs that there are, and of those that a document names', async () => {
    const collector = eventLogCollector(() => eventLogCalls(DOUBLE));
    const { items, problems } = await collectAll(collector, { 'EventLogItem/log': ['Named/Operational'] });
    // 70 of one log, newest first, and one of the other, whose second event is no XML.
    expect(items).to.have.length(71);
    const [first] = items;
    const shown: Record<string, HitAndMiss> = {
      EID: [4070, 999],
      index: [70, 71],
      log: ['Application', 'System'],
      type: ['Error', 'Warning'],
      categoryNum: [12, 1],
      genTime: [Date.UTC(2026, 0, 2, 3, 4, 5, 123), Date.UTC(2026, 0, 2, 3, 4, 5, 124)],
      writeTime: [Date.UTC(2026, 0, 2, 3, 4, 5, 123), Date.UTC(2026, 0, 2)],
      source: ['Evil Source', 'Evil'],
      machine: ['victim.example', 'victim'],
      user: ['S-1-5-18', 'S-1-5-19'],
      message: ['Something evil happened, number 70', 'Something evil happened, number 69'],
      ExecutionProcessId: [1234, 5678],
      ExecutionThreadId: [5678, 1234],
    };
    if (first === undefined) throw new Error('there is no event');
    expectItem(first, shown);
    expectItem(first, { message: ['a <b> & c', 'a &lt;b&gt; &amp; c'], user: ['SYSTEM', 'NETWORK SERVICE'] });
    expect(items.slice(0, 70).map((item) => valuesOf(item, 'index')[0])).to.deep.equal(
      Array.from({ length: 70 }, (_, at) => 70 - at),
    );
    expectEveryTerm(collector, Object.keys(shown));
    expect(problems).to.have.length(3);
    expect(problems[0]).to.equal('log System: not available here: there is no such log');
    expect(problems[1]).to.equal('log Security: not available here: EvtQuery failed with Windows error 5');
    expect(problems[2]).to.match(/^log Named\/Operational: an event cannot be read: /);
  });

  it('are given back when the scan ends in the middle', async () => {
    const stop = new AbortController();
    const collector = eventLogCollector(() => eventLogCalls(DOUBLE));
    const request = {
      terms: new Set(['EventLogItem/message']),
      problem: () => undefined,
      signal: stop.signal,
      literals: new Map(),
    };
    let seen = 0;
    for await (const item of collector.collect(request)) {
      expect(item.type).to.equal('EventLogItem');
      seen += 1;
      if (seen === 3) stop.abort();
    }
    expect(seen).to.equal(3);
  });
});
