const WORDS = {
  linux: {
    who: 'Needs root.',
    place: "where the agent's settings or its socket are (default /run/cordon-agent/control.sock)",
    notSupported: '255  (-1) not supported by the installed version',
  },
  windows: {
    who: 'Needs a command prompt of Administrators.',
    place: "where the agent's settings or its pipe are (default \\\\.\\pipe\\cordon-agent)",
    notSupported: '-1   not supported by the installed version',
  },
};

/** What `cordon-agent isolation --help` prints. */
export function isolationHelp(platform: NodeJS.Platform): string {
  const { who, place, notSupported } = platform === 'win32' ? WORDS.windows : WORDS.linux;
  return `Usage: cordon-agent isolation [/disable] [/show] [/login=USER] [/PWD=PASSWORD]

Shows or ends the isolation of this computer, through its running agent. ${who}

  /show         print settings and state; exclusions only while isolated
  /disable      end the isolation
  /PWD=PASSWORD password of the policy, or that of USER with /login; "-" reads it from standard input,
                so that it is not in the list of processes
  /login=USER   a user of this computer whom the policy lists; needs /PWD
  --json        with /show: as JSON
  --config FILE, --control-socket PATH
                ${place}
  --help        this text

Upper or lower case; also --show, --disable, --login USER, --pwd PASSWORD. /disable and /show are two calls.
"cordon-agent status" reads the files of the agent: it works without a running agent and shows less.

Exit codes:
  0    done
  1    a mandatory argument is missing: neither /disable nor /show, /login without /PWD, no password where one is needed
  2    general error: no agent, wrong password, refused
  4    syntax error: an unknown option, one given twice, a value where none belongs, /disable together with /show
  9    wrong operation: /disable while this computer is not isolated
  ${notSupported}`;
}
