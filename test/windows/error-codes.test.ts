import { expect } from 'chai';
import { WinError } from '../../agent/windows/error-codes.js';
import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { compile, constantAsserts } from './static-asserts.js';

describe('the codes of errors of Windows', () => {
  itNeeding(mingw, 'have the numbers of winerror.h', () => {
    const codes = Object.fromEntries(
      Object.entries(WinError).map(([name, code]) => [`ERROR_${name}`, code] as const),
    );
    expect(compile(constantAsserts(codes, ['winerror.h']))).to.equal(undefined);
    expect(compile(constantAsserts({ ...codes, ERROR_PIPE_BUSY: 232 }, ['winerror.h']))).to.contain(
      'ERROR_PIPE_BUSY',
    );
    return Promise.resolve();
  });
});
