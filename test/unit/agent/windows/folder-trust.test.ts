import { expect } from 'chai';
import { distrust } from '../../../../agent/windows/folder-trust.js';
import { readSecurity, type Ace, type Security } from '../../../../agent/windows/security-descriptor.js';

const SYSTEM = 'S-1-5-18';
const ADMINISTRATORS = 'S-1-5-32-544';
const USERS = 'S-1-5-32-545';
const SELF = 'S-1-5-21-1-2-3-1001';
const FULL = 0x1f01ff;
const READ = 0x1200a9;

const ace = (sid: string, mask: number, change: Partial<Ace> = {}): Ace => ({
  denies: false,
  inheritOnly: false,
  sid,
  mask,
  ...change,
});
const rulers = [ace(SYSTEM, FULL), ace(ADMINISTRATORS, FULL)];
const folder = (aces: readonly Ace[] | undefined, owner = ADMINISTRATORS): Security => ({ owner, aces });

describe('a folder of Windows', () => {
  it('is private where nobody but administrators has any right', () => {
    expect(distrust(folder(rulers), 'private', SELF)).to.equal(undefined);
    expect(distrust(folder([...rulers, ace(SELF, FULL)], SELF), 'private', SELF)).to.equal(undefined);
    expect(distrust(folder([...rulers, ace(USERS, READ)]), 'private', SELF)).to.match(/S-1-5-32-545/);
    expect(distrust(folder([...rulers, ace(USERS, READ)]), 'unchangeable', SELF)).to.equal(undefined);
  });

  it('is not trusted where somebody else owns it, or it has no list', () => {
    expect(distrust(folder(rulers, USERS), 'irreplaceable', SELF)).to.match(/belongs to S-1-5-32-545/);
    expect(distrust({ owner: undefined, aces: rulers }, 'private', SELF)).to.match(/belongs to nobody/);
    expect(distrust(folder(undefined), 'irreplaceable', SELF)).to.match(/everybody/);
  });

  it('may let users add to it, as %ProgramData% does, but not replace what is in it', () => {
    const add = ace(USERS, 0x116);
    expect(distrust(folder([...rulers, add]), 'irreplaceable', SELF)).to.equal(undefined);
    expect(distrust(folder([...rulers, add]), 'unchangeable', SELF)).to.match(/S-1-5-32-545/);
    for (const right of [0x40, 0x10000, 0x40000, 0x80000, 0x10000000]) {
      expect(
        distrust(folder([...rulers, ace(USERS, right)]), 'irreplaceable', SELF),
        `${right}`,
      ).to.not.equal(undefined);
    }
  });

  it('is judged by what gives rights on itself', () => {
    expect(distrust(folder([...rulers, ace(USERS, FULL, { denies: true })]), 'private', SELF)).to.equal(
      undefined,
    );
    const below = folder([...rulers, ace(USERS, FULL, { inheritOnly: true })]);
    expect(distrust(below, 'irreplaceable', SELF)).to.equal(undefined);
  });

  it('is judged by what gives rights on the files in it, too, where these matter', () => {
    const below = folder([...rulers, ace(USERS, FULL, { inheritOnly: true })]);
    expect(distrust(below, 'private', SELF)).to.match(/S-1-5-32-545/);
    expect(distrust(below, 'unchangeable', SELF)).to.match(/S-1-5-32-545/);
    const program = [
      ace('S-1-3-0', 0x10000000, { inheritOnly: true }),
      ace(USERS, 0xa0000000, { inheritOnly: true }),
    ];
    expect(distrust(folder([...rulers, ...program]), 'unchangeable', SELF), 'C:\\Program Files').to.equal(
      undefined,
    );
  });

  it('has its rights read from a security descriptor of Windows', () => {
    // O:BAD:P(A;OICI;FA;;;SY)(D;;FA;;;BU)(A;OICIIO;GA;;;BA)
    const sid = (...parts: number[]): Buffer => {
      const bytes = Buffer.alloc(8 + 4 * parts.length);
      bytes.writeUInt8(1, 0);
      bytes.writeUInt8(parts.length, 1);
      bytes.writeUInt8(5, 7);
      parts.forEach((part, index) => bytes.writeUInt32LE(part, 8 + 4 * index));
      return bytes;
    };
    const entry = (kind: number, flags: number, mask: number, who: Buffer): Buffer => {
      const head = Buffer.alloc(8);
      head.writeUInt8(kind, 0);
      head.writeUInt8(flags, 1);
      head.writeUInt16LE(8 + who.length, 2);
      head.writeUInt32LE(mask, 4);
      return Buffer.concat([head, who]);
    };
    const entries = [
      entry(0, 3, FULL, sid(18)),
      entry(1, 0, FULL, sid(32, 545)),
      entry(0, 0xb, 0x10000000, sid(32, 544)),
    ];
    const owner = sid(32, 544);
    const list = Buffer.concat([Buffer.from([2, 0, 0, 0, entries.length, 0, 0, 0]), ...entries]);
    const head = Buffer.alloc(20);
    head.writeUInt16LE(0x9004, 2);
    head.writeUInt32LE(20, 4);
    head.writeUInt32LE(20 + owner.length, 16);
    const bytes = Buffer.concat([head, owner, list]);
    expect(readSecurity(bytes)).to.deep.equal({
      owner: ADMINISTRATORS,
      aces: [
        ace(SYSTEM, FULL),
        ace(USERS, FULL, { denies: true }),
        ace(ADMINISTRATORS, 0x10000000, { inheritOnly: true }),
      ],
    });
    expect(() => readSecurity(bytes.subarray(0, 40))).to.throw(RangeError);
  });
});
