import { expect } from 'chai';
import { folded } from '../../../../agent/notify/clean.js';
import { messageOf } from '../../../../agent/notify/message.js';
import type { News } from '../../../../agent/notify/standing.js';
import { IsolationEndCause, IsolationMode } from '../../../../shared/gen/cordon/v1/isolation.js';

const UNTIL = Date.UTC(2026, 2, 14, 15, 9);

function isolated(change: Partial<Extract<News, { kind: 'isolated' | 'changed' }>['now']> = {}): News {
  const now = {
    kind: 'isolated' as const,
    id: 'i',
    mode: IsolationMode.ISOLATION_MODE_MANUAL as IsolationMode,
    reason: 'case 4711',
    requestedBy: 'ann',
    untilMs: UNTIL as number | undefined,
    ...change,
  };
  return { kind: 'isolated', now };
}

describe('the message to logged-in users', () => {
  it('says what happened, why, who asked and until when, in the time of the computer', () => {
    const { title, lines } = messageOf(isolated(), '', 'Europe/Berlin');
    expect(title).to.equal('This computer is isolated from the network');
    expect(lines.slice(0, 3)).to.deep.equal([
      'Programs on this computer cannot reach the network, and nobody can reach them. Your files are not affected.',
      'Reason: case 4711',
      'Isolated by: ann',
    ]);
    // Whether a comma follows the day depends on the version of Node.
    expect(lines[3]).to.match(/^Until: Saturday,? 14 March 2026 at 16:09 CET$/);
  });

  it("gives the policy's text in place of the default, and reason and end below it", () => {
    const { lines } = messageOf(isolated(), 'Call the help desk.\nPhone 1234.', 'UTC');
    expect(lines.slice(0, 3)).to.deep.equal(['Call the help desk.', 'Phone 1234.', 'Reason: case 4711']);
    expect(lines.at(-1)).to.contain('15:09 UTC');
  });

  it('says that an isolation has no end, and which detector asked for it', () => {
    const mode = IsolationMode.ISOLATION_MODE_AUTOMATIC;
    const { lines } = messageOf(isolated({ mode, requestedBy: 'ioc-scan', untilMs: undefined }), '');
    expect(lines.slice(-2)).to.deep.equal([
      'Isolated automatically by: ioc-scan',
      'Until: somebody releases it',
    ]);
  });

  it('says why an isolation has ended', () => {
    const cause = IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE;
    expect(messageOf({ kind: 'released', cause }, 'not for a release')).to.deep.equal({
      title: 'This computer is back on the network',
      lines: ['The network isolation has ended: its time is up.'],
    });
  });

  it('lets nothing through that a terminal would obey, and no second line into a reason', () => {
    const hostile = 'a\u001b[2J\u0007b\r\nUntil: never\u009b31m\u202egnirts\u2028x\ud800';
    const { lines } = messageOf(isolated({ reason: hostile, requestedBy: hostile }), hostile);
    expect(lines.join('\n')).not.to.match(/[^\P{Cc}\n]|[\p{Cs}\u202e\u2028]/u);
    expect(lines).to.include('Reason: a[2Jb Until: never31mgnirts x');
  });

  it('takes a text of nothing but control characters for none', () => {
    expect(messageOf(isolated(), '\u001b\u0007 \n\t').lines[0]).to.contain('Programs on this computer');
  });

  it('keeps a reason below its limit, whoever gave it', () => {
    const { lines } = messageOf(isolated({ reason: '😀'.repeat(5000) }), '');
    expect(lines).to.include(`Reason: ${'😀'.repeat(1000)}`);
  });

  it('folds at spaces, and cuts a word that fits no line', () => {
    expect(folded(['one two three', '', 'abcdefghijkl m'], 7)).to.deep.equal([
      'one two',
      'three',
      '',
      'abcdefg',
      'hijkl m',
    ]);
  });
});
