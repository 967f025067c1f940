import { expect } from 'chai';
import { derive, hashPassword, parsePhc, verifyPassword } from '../../../shared/password-hash.js';

const SALT = Buffer.from([...Array(16).keys()]);
/** Made by OpenSSL through another language's library, from the same salt. */
const OUTSIDE = [
  [
    'open sesame é🔑',
    '$scrypt$ln=15,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$us6uW0NlZY15ezdKoiutMBdInSMq8WR7+NPTc+5+hbI',
  ],
  [
    'x',
    '$scrypt$ln=14,r=8,p=4$AAECAwQFBgcICQoLDA0ODw$P/+vBVl8kLQN3k+V/YTtz2zxRahbl2NbL0SYaRtXaHt/DryUMelRy18uhRdoPVWn761a6/dkyHEFhKn+xKvmGA',
  ],
] as const;

describe('a password hash', () => {
  for (const [password, salt, ln, r, p, expected] of [
    ['', '', 4, 1, 1, '77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442'],
    ['password', 'NaCl', 10, 8, 16, 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162'],
    [
      'pleaseletmein',
      'SodiumChloride',
      14,
      8,
      1,
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2',
    ],
  ] as const) {
    it(`is scrypt as RFC 7914 has it for "${password}"`, async () => {
      const hash = await derive(password, { ln, r, p, salt: Buffer.from(salt) }, 64);
      expect(hash.subarray(0, 32).toString('hex')).to.equal(expected);
    });
  }

  it('fits its own password and no other, whoever made it', async () => {
    for (const [password, phc] of OUTSIDE) {
      expect(await verifyPassword(password, phc)).to.equal(true);
      expect(await verifyPassword(`${password} `, phc)).to.equal(false);
      expect(await verifyPassword('', phc)).to.equal(false);
    }
  });

  it('comes out the same for the same password and salt, and is one that it takes itself', async () => {
    const [[password, phc]] = OUTSIDE;
    expect(await hashPassword(password, SALT)).to.equal(phc);
    const other = await hashPassword(password, Buffer.alloc(16, 7));
    expect(other).not.to.equal(phc);
    expect(await verifyPassword(password, other)).to.equal(true);
  });

  it('is made with a salt of 16 bytes or more only', async () => {
    const outcome = await hashPassword('x', Buffer.alloc(15)).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(RangeError);
  });

  it('leaves the event loop free while it is checked', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await verifyPassword(...OUTSIDE[0]);
    clearInterval(timer);
    expect(turns).to.be.greaterThan(1);
  });

  it('says what it was made with', () => {
    const [[, phc]] = OUTSIDE;
    const parsed = parsePhc(phc);
    expect(parsed).to.include({ ln: 15, r: 8, p: 1 });
    expect(parsed).to.have.property('salt').that.deep.equals(SALT);
    expect(parsed).to.have.property('hash').with.length(32);
  });

  it('is taken at the ends of the bounds', async () => {
    const largest = `$scrypt$ln=17,r=16,p=4$${'A'.repeat(86)}$${'A'.repeat(86)}`;
    expect(parsePhc(largest)).to.include({ ln: 17, r: 16, p: 4 });
    // OpenSSL has a memory limit of its own, which has to let this through.
    expect(await derive('x', { ln: 17, r: 16, p: 1, salt: SALT }, 32)).to.have.length(32);
  });

  const salt = SALT.toString('base64').replace(/=+$/, '');
  const hash = Buffer.alloc(32).toString('base64').replace(/=+$/, '');
  const BROKEN: readonly (readonly [phc: string, rule: RegExp])[] = [
    ['', /PHC string format/],
    ['hunter2', /PHC string format/],
    [`$argon2id$v=19$m=65536,t=3,p=4$${salt}$${hash}`, /PHC string format/],
    [`$scrypt$ln=15,r=8$${salt}$${hash}`, /PHC string format/],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash} `, /PHC string format/],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash}==`, /PHC string format/],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${'A'.repeat(1000)}`, /PHC string format/],
    [`$scrypt$ln=13,r=8,p=1$${salt}$${hash}`, /ln of 14 to 17/],
    [`$scrypt$ln=18,r=8,p=1$${salt}$${hash}`, /ln of 14 to 17/],
    [`$scrypt$ln=15,r=7,p=1$${salt}$${hash}`, /r of 8 to 16/],
    [`$scrypt$ln=15,r=17,p=1$${salt}$${hash}`, /r of 8 to 16/],
    [`$scrypt$ln=15,r=8,p=0$${salt}$${hash}`, /p of 1 to 4/],
    [`$scrypt$ln=15,r=8,p=5$${salt}$${hash}`, /p of 1 to 4/],
    [`$scrypt$ln=15,r=8,p=1$${salt.slice(0, 20)}$${hash}`, /salt of 16 to 64 bytes/],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash.slice(0, 40)}`, /hash of 32 to 64 bytes/],
    [`$scrypt$ln=15,r=8,p=1$${salt.slice(0, -1)}x$${hash}`, /base64 without padding/],
  ];
  for (const [phc, rule] of BROKEN) {
    it(`is not "${phc.slice(0, 60)}" (${phc.length} characters)`, async () => {
      expect(parsePhc(phc)).to.match(rule);
      expect(await verifyPassword('', phc)).to.equal(false);
    });
  }
});
