import { accessSync, constants, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** A control group for one test. */
export interface TestCgroup {
  /** Name below the cgroup2 root. */
  readonly name: string;
  readonly folder: string;
  /** Its processes must have ended. */
  remove(): void;
}

/** Mount point of cgroup2; undefined where there is none. */
function mountPoint(): string | undefined {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((candidate) => candidate.includes(' - cgroup2 '));
  return line?.split(' ')[4];
}

/** Whether this user may make control groups here. */
export function canMakeCgroups(): boolean {
  const root = mountPoint();
  if (root === undefined) return false;
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws Error unless `canMakeCgroups` */
export function makeCgroup(name = `cordon-test-${process.pid}`): TestCgroup {
  const root = mountPoint();
  if (root === undefined) throw new Error('no cgroup2 mount');
  const folder = join(root, name);
  mkdirSync(folder);
  return { name, folder, remove: () => rmdirSync(folder) };
}

/** A control group where systemd would put that of a service. @throws Error unless `canMakeCgroups` */
export function makeServiceCgroup(): TestCgroup & { readonly service: string } {
  const slice = join(mountPoint() ?? '', 'system.slice');
  const ours = mkdirSync(slice, { recursive: true }) !== undefined;
  const service = `cordon-test-${process.pid}.service`;
  const group = makeCgroup(join('system.slice', service));
  const remove = (): void => {
    group.remove();
    if (ours) rmdirSync(slice);
  };
  return { ...group, service, remove };
}
