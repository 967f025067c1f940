import { readFileSync } from 'node:fs';

/** What has to be known of a process before it may be killed. */
export interface ProcessFacts {
  /** Milliseconds since 1970, exact to about a second. */
  readonly startedAtMs: number;
  /** Process id; 0: none. */
  readonly parent: number;
  /** Gone but for its entry in the list. */
  readonly ended: boolean;
  /** Part of the operating system that cannot be without it. */
  readonly critical: boolean;
}

/** Looks at a process; undefined: there is none. */
export type LookAtProcess = (pid: number) => ProcessFacts | undefined;

/** Clock ticks of /proc in a second: 100 on every architecture that Node runs on. */
const TICKS = 100;
/** Parent of the kernel's own threads. */
const KTHREADD = 2;

/** Processes of Linux, as /proc shows them. */
export const lookAtLinuxProcess: LookAtProcess = (pid) => {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything; the fields are counted from behind it (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = '0'] = fields;
  const startTicks = Number(fields[19]);
  const bootSeconds = Number(/^btime (\d+)$/m.exec(readProc('/proc/stat') ?? '')?.[1]);
  return {
    startedAtMs: bootSeconds * 1000 + (startTicks * 1000) / TICKS,
    parent: Number(parent),
    ended: state === 'Z' || state === 'X',
    critical: pid <= KTHREADD || Number(parent) === KTHREADD,
  };
};

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
