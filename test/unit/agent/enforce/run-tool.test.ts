import { expect } from 'chai';
import { EnforceError } from '../../../../agent/enforce/enforcer.js';
import { runTool, startTool } from '../../../../agent/enforce/run-tool.js';

describe('running a system tool', () => {
  it('gives input, output and the exit code', async () => {
    const { code, stdout, stderr } = await runTool(
      'sh',
      'dash',
      ['-c', 'cat; echo oops >&2; exit 3'],
      'text',
    );
    expect({ code, stdout, stderr }).to.deep.equal({ code: 3, stdout: 'text', stderr: 'oops' });
  });

  it('says what to install when the tool is missing, also when it was started ahead', async () => {
    const started = startTool('cordon-no-such-tool', 'some-package', []);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const failure: unknown = await started.finish('').catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(EnforceError);
    expect((failure as Error).message).to.contain('sudo apt-get install some-package');
  });

  it('starts ahead, waits for its input, and can be ended without it', async () => {
    const used = startTool('cat', 'coreutils', []);
    expect((await used.finish('late')).stdout).to.equal('late');
    const unused = startTool('cat', 'coreutils', []);
    unused.end();
    expect((await unused.finish('never read')).code).to.equal(-1);
  });
});
