import { expect } from 'chai';
import { allowsAccess, grantsOf, securityDescriptor } from '../../../../agent/windows/security-descriptor.js';
import { parseSid, serviceSid, sidAt, SIDS, sidText } from '../../../../agent/windows/sid.js';

describe('SIDs and security descriptors', () => {
  // As Windows prints them: icacls of its folder, `sc showsid`, and the access lists of WFP.
  for (const [service, sid] of [
    ['TrustedInstaller', 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464'],
    ['trustedinstaller', 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464'],
    ['MpsSvc', 'S-1-5-80-3088073201-1464728630-1879813800-1107566885-823218052'],
    ['WdiServiceHost', 'S-1-5-80-3139157870-2983391045-3678747466-658725712-1809340420'],
  ] as const) {
    it(`knows the SID of the service ${service}`, () => {
      expect(sidText(serviceSid(service))).to.equal(sid);
    });
  }

  it('makes one character of one, as Windows does', () => {
    expect(sidText(serviceSid('straße'))).to.equal(sidText(serviceSid('STRAßE')));
    expect(sidText(serviceSid('straße'))).not.to.equal(sidText(serviceSid('STRASSE')));
  });

  it('writes and reads the binary form', () => {
    expect(parseSid('S-1-5-18').toString('hex')).to.equal('010100000000000512000000');
    expect(parseSid('S-1-5-32-544').toString('hex')).to.equal('01020000000000052000000020020000');
    for (const text of ['S-1-1-0', 'S-1-5-21-1-4294967295-3-500', 'S-1-281474976710655-1']) {
      expect(sidText(parseSid(text))).to.equal(text);
    }
  });

  for (const text of ['', 'S-1-5', 'S-2-5-18', 'S-1-5-4294967296', 'S-1-281474976710656-1', 's-1-5-18']) {
    it(`refuses "${text}"`, () => expect(() => parseSid(text)).to.throw(RangeError, 'is not a SID'));
  }

  it('refuses bytes that are cut off or too many', () => {
    const sid = parseSid('S-1-5-32-544');
    expect(() => sidText(sid.subarray(0, 12))).to.throw(RangeError);
    expect(() => sidText(Buffer.concat([sid, Buffer.alloc(4)]))).to.throw(RangeError);
    expect(() => sidText(Buffer.alloc(0))).to.throw(RangeError);
  });

  it('finds a SID among other bytes', () => {
    const sid = parseSid('S-1-5-32-544');
    expect(sidAt(Buffer.concat([Buffer.alloc(4), sid, Buffer.alloc(4, 1)]), 4).equals(sid)).to.equal(true);
    expect(() => sidAt(sid, 4)).to.throw(RangeError);
    expect(() => sidAt(Buffer.from('0110000000000005', 'hex'), 0)).to.throw(RangeError);
  });

  it('writes a descriptor byte by byte as it is laid out', () => {
    const made = securityDescriptor([{ kind: 'allow', sid: SIDS.localSystem, access: 0x12345678 }]);
    const administrators = '01020000000000052000000020020000';
    expect(made.toString('hex')).to.equal(
      [
        // Revision, control (self-relative, list protected and present), owner, group, no system list, list.
        '0100' + '0490' + '14000000' + '24000000' + '00000000' + '34000000',
        administrators,
        administrators,
        // List: revision, its length, one entry.
        '0200' + '1c00' + '0100' + '0000',
        '0000' + '1400' + '78563412' + '010100000000000512000000',
      ].join(''),
    );
  });

  it('lets the first entry that names the right decide', () => {
    const user = parseSid('S-1-5-21-1-2-3-1001');
    const users = parseSid('S-1-5-32-545');
    const made = securityDescriptor([
      { kind: 'deny', sid: user, access: 1 },
      { kind: 'allow', sid: users, access: 3 },
    ]);
    expect(allowsAccess(made, [users], 1)).to.equal(true);
    expect(allowsAccess(made, [user, users], 1)).to.equal(false);
    expect(allowsAccess(made, [user, users], 2)).to.equal(true);
    expect(allowsAccess(made, [users], 4)).to.equal(false);
    expect(allowsAccess(made, [], 1)).to.equal(false);
  });

  it('refuses a descriptor that it does not understand', () => {
    const made = securityDescriptor([{ kind: 'allow', sid: SIDS.everyone, access: 1 }]);
    const unusual = Buffer.from(made);
    unusual.writeUInt8(9, made.length - 20);
    expect(() => grantsOf(unusual)).to.throw(RangeError, 'kind 9');
    expect(() => grantsOf(made.subarray(0, 10))).to.throw(RangeError);
    expect(() => grantsOf(made.subarray(0, made.length - 4))).to.throw(RangeError);
  });
});
