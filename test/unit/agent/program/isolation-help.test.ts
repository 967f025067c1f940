import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { isolationHelp } from '../../../../agent/program/isolation-help.js';
import { callProblem, isolation } from '../../../../agent/program/isolation.js';

describe('what the local command line tells people', () => {
  it('names root and the socket on Linux, Administrators and the pipe on Windows', () => {
    expect(isolationHelp('linux'))
      .to.match(/Needs root\.\n/)
      .and.contain('/run/cordon-agent/control.sock')
      .and.match(/\n {2}255 {2}\(-1\) not supported/);
    expect(isolationHelp('win32'))
      .to.match(/Needs a command prompt of Administrators\.\n/)
      .and.contain('\\\\.\\pipe\\cordon-agent')
      .and.match(/\n {2}-1 {3}not supported/)
      .and.not.match(/root|\.sock/);
  });

  it('names the tools of the platform when the agent fails', () => {
    const { UNAVAILABLE, INTERNAL } = status;
    for (const code of [UNAVAILABLE, INTERNAL]) {
      expect(callProblem(code, 'x', undefined, 'win32')).not.to.match(/systemctl|journalctl|root/);
      expect(callProblem(code, 'x', undefined, 'linux')).not.to.match(/sc query/);
    }
    expect(callProblem(UNAVAILABLE, 'x', undefined, 'win32')).to.contain('sc query cordon-agent');
  });

  it('ends with -1 on a platform that it does not run on', async () => {
    const lines: string[] = [];
    const io = { print: () => undefined, complain: (line: string) => lines.push(line) };
    expect(await isolation(['/show'], { ...io, platform: 'freebsd' })).to.equal(-1);
    expect(lines).to.deep.equal(['cordon-agent: this version does not run on freebsd']);
  });
});
