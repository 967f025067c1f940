import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { linuxSystem, type LinuxSystem } from '../../../../../../agent/detect/collect/linux/system.js';
import { systemFiles } from '../../../../../../agent/detect/collect/linux/system-files.js';

/** A folder that stands for `/`. */
export interface TemporaryRoot {
  readonly folder: string;
  write(path: string, content: string | Uint8Array): void;
  link(path: string, target: string): void;
  /** A system whose files are those of the folder; everything else is real unless given. */
  system(parts?: Partial<LinuxSystem>): LinuxSystem;
  remove(): void;
}

export function temporaryRoot(): TemporaryRoot {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-root-'));
  const place = (path: string): string => {
    const at = join(folder, path);
    mkdirSync(dirname(at), { recursive: true });
    return at;
  };
  return {
    folder,
    write: (path, content) => writeFileSync(place(path), content),
    link: (path, target) => symlinkSync(target, place(path)),
    system: (parts = {}) => ({ ...linuxSystem(), files: systemFiles(folder), ...parts }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
