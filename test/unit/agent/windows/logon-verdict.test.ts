import { expect } from 'chai';
import { Verdict } from '../../../../agent/local/login/verdict.js';
import { accountOf, logonVerdict } from '../../../../agent/windows/logon-verdict.js';

describe('the answer of Windows to a login password', () => {
  it('is a refusal for what is wrong with the password or the account', () => {
    for (const code of [1326, 1327, 1328, 1329, 1330, 1331, 1385, 1793, 1907, 1909])
      expect(logonVerdict(code), String(code)).to.include({ verdict: Verdict.REFUSED });
    expect(logonVerdict(1909).why).to.equal('the account is locked out');
  });

  it('is trouble, which lets nobody in, for everything else, no error included', () => {
    for (const code of [0, 5, 87, 1311, 1355, 1789, 4_294_967_295])
      expect(logonVerdict(code), String(code)).to.include({ verdict: Verdict.TROUBLE });
    expect(logonVerdict(87).why).to.equal('LogonUserW failed with Windows error 87');
  });

  it('is asked for an account of this computer where no domain is named', () => {
    const ann = { user: 'ann', domain: 'PC', full: 'PC\\ann' };
    expect(accountOf('ann', 'PC')).to.deep.equal(ann);
    expect(accountOf('.\\ann', 'PC')).to.deep.equal(ann);
    expect(accountOf('CORP\\ann', 'PC')).to.deep.equal({ user: 'ann', domain: 'CORP', full: 'CORP\\ann' });
    const upn = 'ann@corp.example';
    expect(accountOf(upn, 'PC')).to.deep.equal({ user: upn, domain: null, full: upn });
    expect(accountOf('CORP\\a@b', 'PC')).to.deep.equal({ user: 'a@b', domain: 'CORP', full: 'CORP\\a@b' });
  });
});
