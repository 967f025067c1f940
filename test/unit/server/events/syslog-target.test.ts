import { expect } from 'chai';
import { parseSyslogTarget } from '../../../../server/events/syslog-target.js';

describe('where syslog goes', () => {
  for (const [text, target] of [
    ['udp://192.0.2.1:514', { transport: 'udp', host: '192.0.2.1', port: 514 }],
    ['tcp://[2001:db8::1]:601', { transport: 'tcp', host: '2001:db8::1', port: 601 }],
    ['tls://siem.example:6514', { transport: 'tls', host: 'siem.example', port: 6514 }],
  ] as const) {
    it(`is read from ${text}`, () => {
      expect(parseSyslogTarget(text)).to.deep.equal(target);
    });
  }

  for (const text of [
    '',
    'siem.example:514',
    'http://siem.example:514',
    'TLS://siem.example:6514',
    'tls://siem.example',
    'tls://siem.example:0',
    'tls://siem.example:65536',
    'tls://siem.example:6514/path',
    'tls://user@siem.example:6514',
    'tls://si em:6514',
    'tcp://2001:db8::1:601',
    'tcp://[192.0.2.1]:601',
    'udp://:514',
  ]) {
    it(`is not read from "${text}"`, () => {
      expect(parseSyslogTarget(text)).to.equal(undefined);
    });
  }
});
