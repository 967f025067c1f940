import { expect } from 'chai';
import { Verdict } from '../../../../agent/local/login/verdict.js';

describe('the process that asks PAM', () => {
  it('never says that a password fits by an end that a module of PAM, or Node itself, may bring about', () => {
    for (const code of [0, 1, 2, 13, 134, 139]) expect(Object.values(Verdict)).not.to.include(code);
  });
});
