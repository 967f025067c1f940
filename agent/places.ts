import { posix, win32 } from 'node:path';

/** Where an agent keeps its things unless it is told otherwise. */
export interface Places {
  /** Identity, state, events. */
  readonly dataDir: string;
  /** Local control socket; on Windows a named pipe. */
  readonly controlSocket: string;
  /** Settings of the agent as a service. */
  readonly configFile: string;
}

/** @param environment for the folder of program data, which may be on another drive */
export function placesOn(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv = process.env): Places {
  if (platform !== 'win32') {
    return {
      dataDir: '/var/lib/cordon-agent',
      controlSocket: '/run/cordon-agent/control.sock',
      configFile: '/etc/cordon/agent.yaml',
    };
  }
  const dataDir = win32.join(environment['ProgramData'] ?? 'C:\\ProgramData', 'Cordon', 'Agent');
  return {
    dataDir,
    controlSocket: '\\\\.\\pipe\\cordon-agent',
    // In the one folder that nobody else may read or write: it may hold an enrolment token.
    configFile: win32.join(dataDir, 'agent.yaml'),
  };
}

/** `sun_path` holds 108 bytes with the zero at the end. */
const LONGEST_SOCKET_PATH = 107;

/** Rule for the path of the control socket. */
export interface SocketRule {
  readonly test: (path: string) => boolean;
  readonly message: string;
}

export function socketRule(platform: NodeJS.Platform): SocketRule {
  return platform === 'win32'
    ? {
        test: (path) => /^\\\\\.\\pipe\\[^\\/\p{Cc}]{1,200}$/u.test(path),
        message: 'must be the name of a pipe, for example \\\\.\\pipe\\cordon-agent',
      }
    : {
        test: (path) => posix.isAbsolute(path) && Buffer.byteLength(path) <= LONGEST_SOCKET_PATH,
        message: `must be an absolute path of at most ${LONGEST_SOCKET_PATH} bytes`,
      };
}
