import { serviceNames, type Service } from './service.js';
import type { SystemFiles } from './system-files.js';

const FOLDER = '/etc/init.d';
/** Levels in which a computer works for users. */
const LEVELS = [2, 3, 4, 5];

/** Services that scripts in /etc/init.d start; what they are is in the comment at their beginning (LSB). */
export function* readInitScripts(files: SystemFiles): Generator<Service> {
  const started = new Set(
    LEVELS.flatMap((level) => files.list(`/etc/rc${level}.d`)).flatMap(
      (name) => /^S\d\d(.+)$/.exec(name)?.[1] ?? [],
    ),
  );
  for (const name of files.list(FOLDER)) {
    const text = files.read(`${FOLDER}/${name}`);
    if (text === undefined || name.startsWith('README')) continue;
    const told = (field: string): string | undefined =>
      new RegExp(`^#\\s*${field}:[ \\t]*(.+)$`, 'm').exec(text)?.[1]?.trim();
    yield {
      names: serviceNames([name]),
      title: told('Short-Description'),
      description: told('Description'),
      commands: [{ path: `${FOLDER}/${name}`, arguments: 'start' }],
      mode: started.has(name) ? 'enabled' : 'disabled',
      type: 'sysv',
      user: 'root',
      status: [],
      pid: undefined,
    };
  }
}
