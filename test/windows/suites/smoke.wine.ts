import { expect } from 'chai';
import { systemLibrary } from '../../../agent/windows/library.js';

describe('Node for Windows', () => {
  it('is what runs here, and calls Windows', async () => {
    expect(process.platform).to.equal('win32');
    const kernel = await systemLibrary('kernel32.dll');
    const currentProcessId = kernel.func('uint32_t __stdcall GetCurrentProcessId()');
    expect(currentProcessId()).to.equal(process.pid);
  });
});
