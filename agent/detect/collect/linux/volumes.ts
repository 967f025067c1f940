import { statfs } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Collector, CollectRequest, Item } from '../../item.js';
import { kindOf, parseMounts, type SourcedMount } from '../../files/mounts.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import type { SystemFiles } from './system-files.js';
import type { LinuxSystem } from './system.js';

/** Sizes of a mounted file system. */
export interface VolumeSizes {
  /** Bytes of a block. */
  readonly bsize: number;
  /** Blocks in all, and those that users may still fill. */
  readonly blocks: number;
  readonly bavail: number;
}

/**
 * Mounted file systems, one item a mount. Types are Windows' words, as documents use them. Sizes are counted in blocks of
 * the file system; those of network file systems
 * and of FUSE are not asked for, as whoever holds them may not answer.
 * @param sizesOf for tests
 */
export function volumeCollector(
  system: LinuxSystem,
  sizesOf: (point: string) => Promise<VolumeSizes> = statfs,
): Collector {
  return collector({
    type: 'VolumeItem',
    properties: [
      'VolumeName',
      'Name',
      'DevicePath',
      'Type',
      'FileSystemName',
      'MountPoint',
      'IsMounted',
      'TotalAllocationUnits',
      'ActualAvailableAllocationUnits',
      'BytesPerSector',
      'SectorsPerAllocationUnit',
    ],
    most: 100_000,
    list: (request) => listVolumes(system.files, sizesOf, request),
  });
}

async function* listVolumes(
  files: SystemFiles,
  sizesOf: (point: string) => Promise<VolumeSizes>,
  request: CollectRequest,
): AsyncGenerator<Item> {
  const labels = volumeLabels(files);
  for (const mount of parseMounts(files.read('/proc/self/mountinfo', MOUNTS_LIMIT) ?? '')) {
    if (kindOf(mount) === 'pseudo') continue;
    yield itemOf('VolumeItem', {
      VolumeName: labels.get(basename(mount.source)),
      Name: mount.source,
      DevicePath: mount.source.startsWith('/dev/') ? mount.source : undefined,
      Type: typeOf(files, mount),
      FileSystemName: mount.type,
      MountPoint: mount.point,
      IsMounted: true,
      ...(mayNotAnswer(mount) ? {} : await sizes(mount, sizesOf, request)),
    });
  }
}

const MOUNTS_LIMIT = 16 * 1024 * 1024;

/** Data that lies on another computer, or with a program of a user (FUSE). */
function mayNotAnswer(mount: SourcedMount): boolean {
  return kindOf(mount) === 'network' || /^fuse(\.|$)/.test(mount.type);
}

/** Disks count sectors of 512 bytes, whatever they are made of. */
const SECTOR = 512;

async function sizes(
  { point }: SourcedMount,
  sizesOf: (point: string) => Promise<VolumeSizes>,
  request: CollectRequest,
): Promise<Record<string, Known>> {
  try {
    const { bsize, blocks, bavail } = await sizesOf(point);
    return {
      TotalAllocationUnits: blocks,
      ActualAvailableAllocationUnits: bavail,
      BytesPerSector: SECTOR,
      SectorsPerAllocationUnit: bsize / SECTOR,
    };
  } catch (error) {
    request.problem(`volume ${point}`, (error as Error).message);
    return {};
  }
}

function typeOf(files: SystemFiles, mount: SourcedMount): string {
  if (kindOf(mount) === 'network') return 'DRIVE_REMOTE';
  if (mount.type === 'tmpfs' || mount.type === 'ramfs') return 'DRIVE_RAMDISK';
  if (mount.type === 'iso9660' || mount.type === 'udf') return 'DRIVE_CDROM';
  // A partition has no mark of its own; that of its disk is one folder above it.
  const block = `/sys/dev/block/${mount.device}`;
  const mark = files.read(`${block}/removable`) ?? files.read(`${block}/../removable`);
  return mark?.trim() === '1' ? 'DRIVE_REMOVABLE' : 'DRIVE_FIXED';
}

/** Labels by the name of their device; udev keeps them as links, with what is not plain as `\x20`. */
function volumeLabels(files: SystemFiles): ReadonlyMap<string, string> {
  const folder = '/dev/disk/by-label';
  return new Map(
    files
      .list(folder)
      .map((label) => [
        basename(files.link(`${folder}/${label}`) ?? ''),
        label.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      ]),
  );
}
