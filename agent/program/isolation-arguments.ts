/** Exit codes of `cordon-agent isolation` (seed). A shell of Linux shows -1 as 255, one of Windows as it is. */
export const IsolationExit = {
  NOT_SUPPORTED: -1,
  DONE: 0,
  MISSING_ARGUMENT: 1,
  GENERAL_ERROR: 2,
  SYNTAX_ERROR: 4,
  WRONG_OPERATION: 9,
} as const;
export type IsolationExit = (typeof IsolationExit)[keyof typeof IsolationExit];

/** What `cordon-agent isolation` was asked to do. */
export type IsolationCall =
  | { readonly kind: 'help' }
  | { readonly kind: 'show'; readonly json: boolean; readonly settings: IsolationSettingsFlags }
  | {
      readonly kind: 'disable';
      /** Empty: not given. */
      readonly login: string;
      /** Empty: not given. `-`: to be read from standard input. */
      readonly password: string;
      readonly settings: IsolationSettingsFlags;
    }
  | {
      readonly kind: 'wrong';
      readonly exitCode: typeof IsolationExit.MISSING_ARGUMENT | typeof IsolationExit.SYNTAX_ERROR;
      readonly message: string;
    };

/** Where the agent's settings are, as `readSettings` takes them. */
export interface IsolationSettingsFlags {
  readonly config?: string;
  readonly controlSocket?: string;
}

type Name = 'disable' | 'show' | 'login' | 'pwd' | 'json' | 'help' | 'config' | 'control-socket';
/** The options of the seed are also spelled with a slash. */
const OPTIONS: Readonly<Record<Name, { readonly value: boolean; readonly slash: boolean }>> = {
  disable: { value: false, slash: true },
  show: { value: false, slash: true },
  login: { value: true, slash: true },
  pwd: { value: true, slash: true },
  json: { value: false, slash: false },
  help: { value: false, slash: false },
  config: { value: true, slash: false },
  'control-socket': { value: true, slash: false },
};

const missing = (message: string): IsolationCall => ({
  kind: 'wrong',
  exitCode: IsolationExit.MISSING_ARGUMENT,
  message,
});
const syntax = (message: string): IsolationCall => ({
  kind: 'wrong',
  exitCode: IsolationExit.SYNTAX_ERROR,
  message,
});

/**
 * Reads what follows `cordon-agent isolation`: `/disable /show /login=USER /PWD=PASSWORD` in upper or lower case, or
 * `--disable --show --login USER --pwd PASSWORD`, the value after `=` or as the next word.
 */
export function parseIsolation(words: readonly string[]): IsolationCall {
  const given = new Map<Name, string>();
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === '-h' || word === '/?') word = '--help';
    const shape = /^(--|\/)([a-z-]+)(?:=(.*))?$/is.exec(word);
    const name = shape?.[2]?.toLowerCase() as Name | undefined;
    const slash = shape?.[1] === '/';
    // Never the word itself: it may hold a password.
    const shown = word.replace(/=.*/s, '');
    if (!name || !Object.hasOwn(OPTIONS, name) || (slash && !OPTIONS[name].slash)) {
      return syntax(shape ? `unknown option ${shown}` : 'a word that is no option');
    }
    if (given.has(name)) return syntax(`${shown} is given twice`);
    let value = shape?.[3];
    if (!OPTIONS[name].value && value !== undefined) return syntax(`${shown} takes no value`);
    if (OPTIONS[name].value && value === undefined && !slash) value = takeValue(left);
    if (OPTIONS[name].value && (value === undefined || value === '')) {
      return missing(`${shown} needs a value: ${shown}=VALUE`);
    }
    given.set(name, value ?? '');
  }
  return callOf(given);
}

function callOf(given: ReadonlyMap<Name, string>): IsolationCall {
  if (given.has('help')) return { kind: 'help' };
  const settings = { config: given.get('config'), controlSocket: given.get('control-socket') };
  const login = given.get('login') ?? '';
  const password = given.get('pwd') ?? '';
  if (given.has('disable') && given.has('show')) {
    return syntax('/disable and /show are two calls: the exit code could not say which one failed');
  }
  if (login !== '' && password === '') return missing('/login needs the password of the user: /PWD=PASSWORD');
  if (given.has('disable')) {
    if (given.has('json')) return syntax('--json goes with /show');
    return { kind: 'disable', login, password, settings };
  }
  if (given.has('show')) return { kind: 'show', json: given.has('json'), settings };
  return missing('give /disable or /show');
}

/** The next word, unless it is another option. `-` is a value. */
function takeValue(left: string[]): string | undefined {
  const [next] = left;
  return next === undefined || next.startsWith('--') ? undefined : left.shift();
}
