import { statfsSync } from 'node:fs';
import { expect } from 'chai';
import { volumeCollector } from '../../../../../../agent/detect/collect/linux/volumes.js';
import { linuxSystem } from '../../../../../../agent/detect/collect/linux/system.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../term-check.js';
import { temporaryRoot } from './temporary-root.js';

(process.platform === 'linux' ? describe : describe.skip)('volumes of Linux', () => {
  const real = volumeCollector(linuxSystem());
  const root = temporaryRoot();

  before(() => {
    root.write(
      'proc/self/mountinfo',
      [
        '26 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
        '27 26 8:17 / /media/my\\040stick rw - vfat /dev/sdb1 rw',
        '28 26 0:40 / /net rw - nfs4 server:/export rw',
        '29 26 0:41 / /proc rw - proc proc rw',
        'nonsense',
        '',
      ].join('\n'),
    );
    root.write('sys/dev/block/8:1/partition', '1');
    root.write('sys/dev/block/removable', '1\n');
    root.link('dev/disk/by-label/MY\\x20STICK', '../../sdb1');
  });

  after(() => root.remove());

  describe('the root of this computer', () => {
    // It may have no label and no device of its own, as in containers: see below.
    const known = [...real.terms].filter(
      (term) => !/\/(VolumeName|DevicePath|ActualAvailableAllocationUnits)$/.test(term),
    );

    itTellsEveryTerm({ terms: new Set(known) }, async () => {
      const { blocks, bsize } = statfsSync('/');
      return {
        item: itemWith(await collectAll(real), 'VolumeItem/MountPoint', '/'),
        known: {
          Name: (value) => value !== '',
          Type: 'DRIVE_FIXED',
          FileSystemName: (value) => /^[a-z0-9.]+$/.test(String(value)),
          MountPoint: '/',
          IsMounted: true,
          TotalAllocationUnits: blocks,
          BytesPerSector: 512,
          SectorsPerAllocationUnit: bsize / 512,
        },
      };
    });
  });

  describe('a stick', () => {
    const sizes = { bsize: 4096, blocks: 1000, bavail: 400 };
    const collector = volumeCollector(root.system(), () => Promise.resolve(sizes));

    itTellsEveryTerm(collector, async () => ({
      item: itemWith(await collectAll(collector), 'VolumeItem/Name', '/dev/sdb1'),
      known: {
        VolumeName: 'MY STICK',
        Name: '/dev/sdb1',
        DevicePath: '/dev/sdb1',
        Type: 'DRIVE_REMOVABLE',
        FileSystemName: 'vfat',
        MountPoint: '/media/my stick',
        IsMounted: true,
        TotalAllocationUnits: 1000,
        ActualAvailableAllocationUnits: 400,
        BytesPerSector: 512,
        SectorsPerAllocationUnit: 8,
      },
    }));

    it('stands beside network file systems, which are not asked for their size', async () => {
      const asked: string[] = [];
      const asking = volumeCollector(root.system(), (point) => {
        asked.push(point);
        return Promise.resolve(sizes);
      });
      const collected = await collectAll(asking);
      expect(asked).to.deep.equal(['/', '/media/my stick']);
      const remote = itemWith(collected, 'VolumeItem/Type', 'DRIVE_REMOTE');
      expect(remote.values.get('VolumeItem/Name')).to.deep.equal(['server:/export']);
      expect(remote.values.has('VolumeItem/DevicePath')).to.equal(false);
      expect(collected.items).to.have.length(3);
    });

    it('is listed when its size cannot be read, and that is reported', async () => {
      const failing = volumeCollector(root.system(), () => Promise.reject(new Error('EIO')));
      const { items, problems } = await collectAll(failing);
      expect(items).to.have.length(3);
      expect(problems).to.deep.equal(['volume /: EIO', 'volume /media/my stick: EIO']);
    });
  });
});
