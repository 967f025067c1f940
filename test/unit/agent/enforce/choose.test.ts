import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { chooseEnforcer, enforcerKind } from '../../../../agent/enforce/choose.js';
import { EnforceError } from '../../../../agent/enforce/enforcer.js';
import { EnforcerKind } from '../../../../shared/gen/cordon/v1/isolation.js';

const {
  ENFORCER_KIND_NFTABLES: NFTABLES,
  ENFORCER_KIND_RECORDING: RECORDING,
  ENFORCER_KIND_UNSPECIFIED: NONE,
  ENFORCER_KIND_WFP: WFP,
} = EnforcerKind;

describe('the choice of an enforcer', () => {
  it('is the packet filter of the operating system unless somebody says otherwise', () => {
    expect(chooseEnforcer('auto', 'linux').kind).to.equal(NFTABLES);
    expect(chooseEnforcer('auto', 'win32').kind).to.equal(WFP);
    expect(chooseEnforcer('nftables', 'win32').kind).to.equal(NFTABLES);
    expect(chooseEnforcer('wfp', 'linux').kind).to.equal(WFP);
    for (const platform of ['linux', 'win32', 'darwin'] as const) {
      expect(chooseEnforcer('recording', platform).kind).to.equal(RECORDING);
    }
  });

  it('is none where there is none, and never a simulation', () => {
    expect(() => chooseEnforcer('auto', 'darwin')).to.throw(EnforceError, /no packet filter for darwin/);
    expect(enforcerKind('auto', 'darwin')).to.equal(NONE);
  });

  it('says where WFP is asked for that it is part of Windows', async () => {
    const error = await chooseEnforcer('wfp', 'linux')
      .probe()
      .catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(EnforceError);
    expect(String(error)).to.match(/part of Windows, and this is linux: set enforcer to auto/);
  });

  it('loads nothing of Windows on Linux', () => {
    const choose = new URL('../../../../agent/enforce/choose.js', import.meta.url).href;
    const script = `
      import { chooseEnforcer } from ${JSON.stringify(choose)};
      await chooseEnforcer('auto').inspect().catch(() => undefined);
      const shared = process.report.getReport().sharedObjects;
      if (shared.some((path) => /koffi/.test(path))) throw new Error('koffi is loaded');
      await import('koffi');
      if (!process.report.getReport().sharedObjects.some((path) => /koffi/.test(path))) process.exit(3);
    `;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: new URL('.', import.meta.url).pathname,
      encoding: 'utf8',
    });
    expect(status, stderr).to.equal(0);
  });
});
