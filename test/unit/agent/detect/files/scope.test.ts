import { expect } from 'chai';
import { isOfAnotherComputer } from '../../../../../agent/detect/files/scope.js';

describe('folders of other computers on Windows', () => {
  for (const [folder, remote] of [
    ['\\\\server\\share', true],
    ['\\\\?\\UNC\\server\\share', true],
    ['//server/share', true],
    ['C:\\', false],
    ['\\\\?\\C:\\Users', false],
    ['\\\\.\\C:\\Users', false],
  ] as const) {
    it(`are told by their path: ${folder} is ${remote ? 'one' : 'none'}`, () => {
      expect(isOfAnotherComputer(folder)).to.equal(remote);
    });
  }
});
