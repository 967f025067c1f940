import { win32 } from 'node:path';
import type { RuleApplication } from '../plan.js';
import type { ServicesByPid } from './services.js';

/**
 * Whether a process is the program of a rule. A service that shares its process with others cannot be told apart from
 * them by its connections: then nothing of the process belongs to it.
 * @param imagePath of the process; empty where it is not known
 */
export function belongsTo(
  application: RuleApplication,
  pid: number,
  imagePath: (pid: number) => string,
  services: ServicesByPid,
): boolean {
  switch (application.kind) {
    case 'executable-path': {
      const image = imagePath(pid);
      return image !== '' && samePath(application.path, image);
    }
    case 'windows-service': {
      const hosted = services.get(pid) ?? [];
      return hosted.length === 1 && hosted[0]?.toLowerCase() === application.name.toLowerCase();
    }
    case 'systemd-unit':
    case 'cgroup':
      return false;
  }
}

/** Windows does not tell upper from lower case in a path. Short names (`PROGRA~1`) are not looked up. */
function samePath(one: string, other: string): boolean {
  const plain = (path: string): string => win32.normalize(path).toLowerCase();
  return plain(one) === plain(other);
}
