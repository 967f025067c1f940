import { expect } from 'chai';
import { systemLibrary } from '../../../agent/windows/library.js';

/** The double by the way that the agent takes: koffi, from the system folder, calls that wait on threads of their own. */
describe('the double of BFE under Node for Windows', () => {
  it('is what the system folder has, and holds the lock for a session whichever thread calls', async () => {
    const library = await systemLibrary('fwpuclnt.dll');
    const open = library.func(
      'uint32_t __stdcall FwpmEngineOpen0(void *, uint32_t, void *, void *, _Out_ uint64_t *)',
    );
    const begin = library.func('uint32_t __stdcall FwpmTransactionBegin0(uint64_t, uint32_t)');
    const abort = library.func('uint32_t __stdcall FwpmTransactionAbort0(uint64_t)');
    const close = library.func('uint32_t __stdcall FwpmEngineClose0(uint64_t)');
    const control = library.func('uint32_t __stdcall CordonBfeControl(str)');
    const waiting = (engine: unknown): Promise<number> =>
      new Promise((resolve, reject) => {
        begin.async(engine, 0, (error: Error | null, code: number) =>
          error ? reject(error) : resolve(code),
        );
      });
    const engines = [0, 1].map(() => {
      const out: (bigint | number | null)[] = [null];
      expect(open(null, 10, null, null, out)).to.equal(0);
      return out[0];
    });
    const [first, second] = engines;
    expect(await waiting(first)).to.equal(0);
    const other = waiting(second);
    expect(abort(first)).to.equal(0);
    expect(await other).to.equal(0);
    expect(abort(second)).to.equal(0);
    expect(control('fail FwpmTransactionBegin0 1 0x80320012')).to.equal(0);
    expect(await waiting(first)).to.equal(0x80320012);
    for (const engine of engines) expect(close(engine)).to.equal(0);
  });
});
