import { expect } from 'chai';
import { parseIsolation } from '../../../../agent/program/isolation-arguments.js';

const NOWHERE = { config: undefined, controlSocket: undefined };
const disable = (login: string, password: string): object => ({
  kind: 'disable',
  login,
  password,
  settings: NOWHERE,
});

describe('the arguments of "cordon-agent isolation"', () => {
  for (const [line, expected] of [
    ['/show', { kind: 'show', json: false, settings: NOWHERE }],
    ['--show', { kind: 'show', json: false, settings: NOWHERE }],
    ['/SHOW --json', { kind: 'show', json: true, settings: NOWHERE }],
    ['/show /login=ann /pwd=x', { kind: 'show', json: false, settings: NOWHERE }],
    ['/disable', disable('', '')],
    ['/Disable /PWD=geheim', disable('', 'geheim')],
    ['/pwd=Geheim /DISABLE', disable('', 'Geheim')],
    ['/disable /login=Ann /PWD=a=b/c', disable('Ann', 'a=b/c')],
    ['--disable --login ann --pwd x', disable('ann', 'x')],
    ['--disable --login=ann --pwd=x', disable('ann', 'x')],
    ['--disable --pwd -', disable('', '-')],
    ['/disable /PWD=-', disable('', '-')],
    ['/disable /PWD=--show', disable('', '--show')],
    [
      '/show --control-socket /x --config=/y',
      { kind: 'show', json: false, settings: { config: '/y', controlSocket: '/x' } },
    ],
    ['--help', { kind: 'help' }],
    ['-h', { kind: 'help' }],
    ['/?', { kind: 'help' }],
  ] as const) {
    it(`are understood: ${line}`, () => {
      expect(parseIsolation(line.split(' '))).to.deep.equal(expected);
    });
  }

  for (const [line, exitCode, named] of [
    ['', 1, /give \/disable or \/show/],
    ['--json', 1, /give \/disable or \/show/],
    ['/login=ann /pwd=x', 1, /give \/disable or \/show/],
    ['/disable /login=ann', 1, /\/login needs .*\/PWD/],
    ['/disable /PWD=', 1, /\/PWD needs a value/],
    ['/disable /PWD', 1, /\/PWD needs a value/],
    ['/disable --pwd', 1, /--pwd needs a value/],
    ['--login --disable', 1, /--login needs a value/],
    ['/enable', 4, /unknown option \/enable/],
    ['--enable', 4, /unknown option --enable/],
    ['/json /show', 4, /unknown option \/json/],
    ['/toString', 4, /unknown option/],
    ['disable', 4, /no option/],
    ['-disable', 4, /no option/],
    ['/', 4, /no option/],
    ['/disable now', 4, /no option/],
    ['/disable=yes', 4, /\/disable takes no value/],
    ['/disable /DISABLE', 4, /given twice/],
    ['/disable --disable', 4, /given twice/],
    ['/disable /pwd=a /PWD=b', 4, /given twice/],
    ['/disable /show', 4, /two calls/],
    ['/disable --json', 4, /--json goes with \/show/],
  ] as const) {
    it(`end with ${exitCode}: "${line}"`, () => {
      const call = parseIsolation(line.split(' ').filter(Boolean));
      expect(call).to.include({ kind: 'wrong', exitCode });
      expect(call).to.have.property('message').that.matches(named);
    });
  }

  it('are never repeated in a complaint where they may hold a password', () => {
    for (const words of [
      ['/pdw=geheim', '/disable'],
      ['geheim'],
      ['/pwd=a', '/pwd=geheim'],
      ['/pwd', 'geheim'],
    ]) {
      expect(JSON.stringify(parseIsolation(words))).not.to.contain('geheim');
    }
  });
});
