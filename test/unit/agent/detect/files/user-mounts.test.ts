import { expect } from 'chai';
import { kindOf, parseMounts } from '../../../../../agent/detect/files/mounts.js';

describe('a file system that a program serves', () => {
  const kind = (type: string, options: string): string | undefined => {
    const [mount] = parseMounts(`30 22 0:40 / /mnt/x rw - ${type} /dev/sdb1 ${options}`);
    return mount && kindOf(mount);
  };

  it('is local when root mounted it, and left out as one of another computer when a user did', () => {
    expect(kind('fuseblk', 'rw,user_id=0,group_id=0,allow_other')).to.equal('local');
    expect(kind('fuse.evil', 'rw,user_id=1000,group_id=0,allow_other')).to.equal('network');
    expect(kind('ext4', 'rw,user_id=1000')).to.equal('local');
    expect(kind('fuse.gvfsd-fuse', 'rw,user_id=1000')).to.equal('pseudo');
  });
});
