import { expect } from 'chai';
import { cgroup2Mount, ownCgroupPath, systemdPaths } from '../../../../../agent/enforce/nftables/cgroups.js';

describe('finding control groups', () => {
  it('finds the mount of unified and of hybrid hosts', () => {
    const line = (path: string): string => `31 23 0:28 / ${path} rw,relatime - cgroup2 cgroup2 rw\n`;
    expect(cgroup2Mount(line('/sys/fs/cgroup'))).to.equal('/sys/fs/cgroup');
    expect(cgroup2Mount(line('/sys/fs/cgroup/unified'))).to.equal('/sys/fs/cgroup/unified');
  });

  it('finds none where nft could not name a path below it', () => {
    expect(cgroup2Mount('31 23 0:28 / /mnt/cg rw - cgroup2 cgroup2 rw\n')).to.equal(undefined);
    expect(cgroup2Mount('31 23 0:28 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu\n')).to.equal(undefined);
  });

  it('takes the root group, and one out of sight, as none of its own', () => {
    expect(ownCgroupPath('4:memory:/x\n0::/system.slice/a.service\n')).to.equal('system.slice/a.service');
    expect(ownCgroupPath('0::/\n')).to.equal(undefined);
    expect(ownCgroupPath('0::/../other\n')).to.equal(undefined);
    expect(ownCgroupPath('4:memory:/x\n')).to.equal(undefined);
  });

  it('knows where systemd puts units', () => {
    expect(systemdPaths('chrony')).to.deep.equal(['system.slice/chrony.service']);
    expect(systemdPaths('web.slice')).to.deep.equal(['web.slice']);
    expect(systemdPaths('my-app@1.service')[0]).to.equal(
      'system.slice/system-my\\x2dapp.slice/my-app@1.service',
    );
  });
});
