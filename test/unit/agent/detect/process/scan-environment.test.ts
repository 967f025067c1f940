import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { startScan } from '../../../../../agent/detect/process/scan-process.js';
import { systemClock } from '../../../../../shared/clock.js';
import { IocScanSettings } from '../../../../../shared/gen/cordon/v1/ioc.js';
import { itNeeding } from '../../../../net/site/it-needing.js';

const LINUX = {
  met: process.platform === 'linux',
  why: 'only Linux shows the environment of another process',
};

describe('the environment of a scan process', () => {
  itNeeding(LINUX, 'has none of the settings of the agent', async () => {
    process.env['CORDON_AGENT_ENROLLMENT_TOKEN'] = 'secret';
    process.env['FOR_THE_SCAN'] = 'too';
    const order = {
      scanId: 'scan',
      documents: [],
      settings: IocScanSettings.fromPartial({}),
      ownPaths: [],
      checkpoint: undefined,
    };
    const scan = startScan(order, { match: () => Promise.resolve(), progress: () => undefined }, systemClock);
    try {
      const environment = readFileSync(`/proc/${scan.pid}/environ`, 'utf8');
      expect(environment).to.include('FOR_THE_SCAN=too');
      expect(environment).not.to.include('secret');
    } finally {
      delete process.env['CORDON_AGENT_ENROLLMENT_TOKEN'];
      delete process.env['FOR_THE_SCAN'];
      scan.kill();
    }
    expect((await scan.ended).kind).to.equal('failed');
  });
});
