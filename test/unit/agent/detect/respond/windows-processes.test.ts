import { expect } from 'chai';
import type { OpenProcess } from '../../../../../agent/detect/collect/windows/process-calls.js';
import { lookWith } from '../../../../../agent/detect/respond/windows-processes.js';

const SYSTEM = 'C:\\Windows\\System32';

describe('processes of Windows that may be killed', () => {
  const look = (path: string | undefined): ReturnType<ReturnType<typeof lookWith>> =>
    lookWith(
      {
        list: () => [{ pid: 77, parent: 5, name: 'x.exe' }],
        open: () => {
          if (path === undefined) throw new Error('ERROR_ACCESS_DENIED');
          const open: Pick<OpenProcess, 'times' | 'path' | 'close'> = {
            times: () => ({ started: 1_000, kernel: 0, user: 0 }),
            path: () => path,
            close: () => undefined,
          };
          return open as OpenProcess;
        },
      },
      SYSTEM,
    )(77);

  it('are all but those without which the system stops, which are known by their folder too', () => {
    expect(look('C:\\Windows\\SYSTEM32\\LSASS.exe')?.critical).to.equal(true);
    expect(look('C:\\Users\\a\\lsass.exe')).to.deep.equal({
      startedAtMs: 1_000,
      parent: 5,
      ended: false,
      critical: false,
    });
    expect(look(undefined)?.critical).to.equal(true);
  });
});
