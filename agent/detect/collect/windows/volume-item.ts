import { caller, systemLibrary } from '../../../windows/library.js';
import { waiting, within } from '../../../windows/later.js';
import { wideText } from '../../../windows/token-names.js';
import type { Collector } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { CONSTANTS } from './layout.js';
import { notHere, orNotHere, reasonOf } from './not-here.js';

/** Names of DRIVE_UNKNOWN and so on, in the order of their numbers. */
export const DRIVE_TYPES = [
  'DRIVE_UNKNOWN',
  'DRIVE_NO_ROOT_DIR',
  'DRIVE_REMOVABLE',
  'DRIVE_FIXED',
  'DRIVE_REMOTE',
  'DRIVE_CDROM',
  'DRIVE_RAMDISK',
];
/** A drive may be asleep, or broken: longest wait for one answer, milliseconds. */
const DEADLINE_MS = 10_000;
const MOST_CHARACTERS = 1024;

/** What Windows tells about drives. */
export interface VolumeCalls {
  /** Roots of drives, for example `C:\`. */
  roots(): string[];
  /** DRIVE_FIXED and so on. */
  type(root: string): number;
  /** Device of the kernel, for example `\Device\HarddiskVolume2`; empty where it is not known. */
  device(root: string): string;
  /** For example `\\?\Volume{...}\`; empty where it has none. */
  volumeName(root: string): Promise<string>;
  /** @throws Error where there is no medium, or the drive does not answer */
  describe(root: string): Promise<VolumeFacts>;
}

interface VolumeFacts {
  readonly label: string;
  readonly serialNumber: number;
  readonly fileSystem: string;
  readonly bytesPerSector: number;
  readonly sectorsPerUnit: number;
  readonly units: number;
  readonly freeUnits: number;
}

/** Drives that have a letter. A network drive is listed, and not asked: its server may not answer. */
export function volumeCollector(open: () => Promise<VolumeCalls> = volumeCalls): Collector {
  return collector({
    type: 'VolumeItem',
    properties: [
      'DriveLetter',
      'Type',
      'Name',
      'VolumeName',
      'DevicePath',
      'MountPoint',
      'IsMounted',
      'FileSystemName',
      'SerialNumber',
      'BytesPerSector',
      'SectorsPerAllocationUnit',
      'TotalAllocationUnits',
      'ActualAvailableAllocationUnits',
    ],
    most: 1_000,
    list: async function* ({ problem }) {
      const calls = await orNotHere(open());
      for (const root of calls.roots()) {
        const type = calls.type(root);
        let facts: Record<string, Known> = { IsMounted: false };
        try {
          if (type === CONSTANTS.DRIVE_REMOTE) throw notHere('a network drive is not asked');
          facts = await ofVolume(calls, root);
        } catch (error) {
          problem(`drive ${root}`, reasonOf(error));
        }
        yield itemOf('VolumeItem', {
          DriveLetter: [root.slice(0, 2), root.slice(0, 1)],
          Type: DRIVE_TYPES[type],
          MountPoint: root,
          DevicePath: calls.device(root),
          ...facts,
        });
      }
    },
  });
}

async function ofVolume(calls: VolumeCalls, root: string): Promise<Record<string, Known>> {
  const facts = await calls.describe(root);
  return {
    IsMounted: true,
    VolumeName: await calls.volumeName(root),
    Name: facts.label,
    FileSystemName: facts.fileSystem,
    SerialNumber: facts.serialNumber,
    BytesPerSector: facts.bytesPerSector,
    SectorsPerAllocationUnit: facts.sectorsPerUnit,
    TotalAllocationUnits: facts.units,
    ActualAvailableAllocationUnits: facts.freeUnits,
  };
}

/** @throws Error on another platform */
export async function volumeCalls(): Promise<VolumeCalls> {
  const library = await systemLibrary('kernel32.dll');
  const kernel = caller(library);
  const drives: () => number = kernel('uint32_t __stdcall GetLogicalDrives()');
  const driveType: (root: string) => number = kernel('uint32_t __stdcall GetDriveTypeW(str16)');
  const dosDevice: (name: string, into: Buffer, characters: number) => number = kernel(
    'uint32_t __stdcall QueryDosDeviceW(str16, void *, uint32_t)',
  );
  const volumeName = waiting(
    library.func('int __stdcall GetVolumeNameForVolumeMountPointW(str16, void *, uint32_t)'),
  );
  const information = waiting(
    library.func(
      'int __stdcall GetVolumeInformationW(str16, void *, uint32_t, _Out_ uint32_t *, void *, void *, void *, uint32_t)',
    ),
  );
  const freeSpace = waiting(
    library.func(
      'int __stdcall GetDiskFreeSpaceW(str16, _Out_ uint32_t *, _Out_ uint32_t *, _Out_ uint32_t *, _Out_ uint32_t *)',
    ),
  );
  const asked = (call: string, root: string, answer: Promise<unknown>): Promise<unknown> =>
    within(DEADLINE_MS, `${call} does not answer for ${root}`, answer);
  return {
    roots: () => {
      const mask = drives();
      return Array.from({ length: 26 }, (_, bit) => bit)
        .filter((bit) => ((mask >>> bit) & 1) !== 0)
        .map((bit) => `${String.fromCharCode('A'.charCodeAt(0) + bit)}:\\`);
    },
    type: driveType,
    device: (root) => {
      const into = Buffer.alloc(2 * MOST_CHARACTERS);
      return dosDevice(root.slice(0, 2), into, MOST_CHARACTERS) === 0 ? '' : wideText(into);
    },
    volumeName: async (root) => {
      const into = Buffer.alloc(2 * MOST_CHARACTERS);
      const call = 'GetVolumeNameForVolumeMountPointW';
      return (await asked(call, root, volumeName(root, into, MOST_CHARACTERS))) === 0 ? '' : wideText(into);
    },
    describe: async (root) => {
      const [label, fileSystem] = [Buffer.alloc(2 * MOST_CHARACTERS), Buffer.alloc(2 * MOST_CHARACTERS)];
      const serial: [number] = [0];
      const told = information(root, label, MOST_CHARACTERS, serial, null, null, fileSystem, MOST_CHARACTERS);
      if ((await asked('GetVolumeInformationW', root, told)) === 0) {
        throw new Error('GetVolumeInformationW failed: there is no medium, or it cannot be read');
      }
      const sectors: [number] = [0];
      const bytes: [number] = [0];
      const free: [number] = [0];
      const all: [number] = [0];
      if ((await asked('GetDiskFreeSpaceW', root, freeSpace(root, sectors, bytes, free, all))) === 0) {
        throw new Error('GetDiskFreeSpaceW failed: the size is not known');
      }
      return {
        label: wideText(label),
        serialNumber: serial[0],
        fileSystem: wideText(fileSystem),
        bytesPerSector: bytes[0],
        sectorsPerUnit: sectors[0],
        units: all[0],
        freeUnits: free[0],
      };
    },
  };
}
