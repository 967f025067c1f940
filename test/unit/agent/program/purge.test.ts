import { expect } from 'chai';
import { afterService } from '../../../../agent/program/purge.js';
import { WindowsError } from '../../../../agent/windows/library.js';

describe('purge on Windows', () => {
  const outcome = async (uninstall: () => Promise<unknown>): Promise<[string[], unknown]> => {
    const done: string[] = [];
    const rest = (): Promise<void> => Promise.resolve(void done.push('cleared'));
    const error = await afterService(uninstall, rest).catch((thrown: unknown) => thrown);
    return [done, error];
  };

  it('takes the rules away also where Windows keeps the name of the service, and says so afterwards', async () => {
    const marked = new WindowsError('DeleteService', 1072);
    expect(await outcome(() => Promise.reject(marked))).to.deep.equal([['cleared'], marked]);
  });

  it('touches nothing where the service could not be ended: it would put its rules back', async () => {
    const hangs = new WindowsError('ControlService', 1053);
    expect(await outcome(() => Promise.reject(hangs))).to.deep.equal([[], hangs]);
  });

  it('does everything where there is no service', async () => {
    expect(await outcome(() => Promise.resolve(false))).to.deep.equal([['cleared'], undefined]);
  });
});
