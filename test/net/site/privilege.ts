import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Set in the environment of a process that runs in its own user namespace. */
const INSIDE = 'CORDON_SITE_USER_NAMESPACE';

/**
 * Makes sure that this process may build network namespaces. As an ordinary user it runs the same command again inside
 * new user, mount and network namespaces, passes its exit code on, and does not return.
 * @throws Error that says what is missing where that is not possible
 */
export function requireNetAdmin(): void {
  if (process.env[INSIDE] === '1') {
    prepareUserNamespace();
    return;
  }
  if (process.getuid?.() === 0) return;
  if (spawnSync('unshare', ['-Urnm', 'true']).status !== 0) {
    throw new Error(
      'network namespaces need root or unprivileged user namespaces: run with sudo, or sudo sysctl kernel.unprivileged_userns_clone=1',
    );
  }
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', ['-Urnm', ...command], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exit(status ?? 1);
}

/** Whether this process may start programs as another user: a user namespace of an ordinary user has but one. */
export function canBeAnotherUser(): boolean {
  const [first = ''] = readFileSync('/proc/self/uid_map', 'utf8').split('\n');
  return process.getuid?.() === 0 && Number(first.trim().split(/\s+/)[2]) > 65_534;
}

const MOUNT_NAME = 'cordon-site';

/** `ip netns` keeps its names in /run/netns, which only root may write: a /run of our own hides the real one. */
function prepareUserNamespace(): void {
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${MOUNT_NAME} `)) return;
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', MOUNT_NAME, '/run']);
  if (status !== 0) throw new Error(`cannot mount on /run: ${stderr.toString().trim()}`);
}
