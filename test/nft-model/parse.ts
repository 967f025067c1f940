import { addressNumber } from '../../shared/exclusions/intervals.js';
import type { Chain, Element, NamedSet, Rule, Ruleset, Statement, Verdict } from './rules.js';

const NUMBERS: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    ipv4: 4n,
    ipv6: 6n,
    tcp: 6n,
    udp: 17n,
    'echo-reply': 0n,
    'destination-unreachable': 3n,
    redirect: 5n,
    'echo-request': 8n,
    'time-exceeded': 11n,
    'parameter-problem': 12n,
    'timestamp-request': 13n,
    'timestamp-reply': 14n,
  }),
);
const V6_TYPES: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    'destination-unreachable': 1n,
    'packet-too-big': 2n,
    'time-exceeded': 3n,
    'parameter-problem': 4n,
    'echo-request': 128n,
    'echo-reply': 129n,
    'mld-listener-query': 130n,
    'mld-listener-report': 131n,
    'mld-listener-done': 132n,
    'nd-router-solicit': 133n,
    'nd-router-advert': 134n,
    'nd-neighbor-solicit': 135n,
    'nd-neighbor-advert': 136n,
    'nd-redirect': 137n,
    'mld2-listener-report': 143n,
  }),
);
const TCP_FLAGS: ReadonlyMap<string, number> = new Map(Object.entries({ fin: 1, syn: 2, rst: 4, ack: 16 }));

/** Reads one transaction. @throws Error where a line is none that is known here */
export function parseRuleset(text: string): Ruleset {
  const sets = new Map<string, NamedSet>();
  const maps = new Map<string, ReadonlyMap<string, Verdict>>();
  const chains = new Map<string, Chain>();
  let open: { name: string; hook: Chain['hook']; rules: Rule[] } | undefined;
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (open) {
      const header = /^type filter hook (input|output) priority -\d+; policy accept;$/.exec(line);
      if (header) open.hook = header[1] === 'input' ? 'input' : 'output';
      else if (line === '}') {
        chains.set(open.name, open);
        open = undefined;
      } else open.rules.push(parseRule(line));
      continue;
    }
    const chain = /^chain (\w+) \{$/.exec(line)?.[1];
    const set = /^set (\w+) \{ type ([\w. ]+);(?: flags (\w+);)? elements = \{ (.*) \}; \}$/.exec(line);
    const map = /^map (\w+) \{ type cgroupsv2 : verdict; elements = \{ (.*) \}; \}$/.exec(line);
    if (chain !== undefined) open = { name: chain, hook: undefined, rules: [] };
    else if (set) sets.set(set[1] ?? '', parseSet(set[2] ?? '', set[3], set[4] ?? ''));
    else if (map) maps.set(map[1] ?? '', parseMap(map[2] ?? ''));
    else if (!/^(?:(?:delete )?table inet cordon(?: \{)?|comment "[^"]*"|\}|)$/.test(line)) {
      throw new Error(`no line of a table that is known here: ${line}`);
    }
  }
  return { sets, maps, chains };
}

function parseSet(typeText: string, flags: string | undefined, body: string): NamedSet {
  const types = typeText.split(' . ');
  const elements = body.split(', ').map((element): Element => {
    const parts = element.replace(/ timeout \d+ms$/, '').split(' . ');
    if (parts.length !== types.length) throw new Error(`"${element}" is no element of ${typeText}`);
    return parts.map((part) => {
      const [first = '', last = first] = part.split('-');
      if (first !== last && flags !== 'interval') throw new Error(`"${element}" needs a set of intervals`);
      return { first: value(first), last: value(last) };
    });
  });
  return { types, elements };
}

function parseMap(body: string): ReadonlyMap<string, Verdict> {
  return new Map(
    body.split(', ').map((element) => {
      const [, path, chain] = /^"([^"]+)" : jump (\w+)$/.exec(element) ?? [];
      if (path === undefined || chain === undefined) throw new Error(`"${element}" is no element of a map`);
      return [path, { kind: 'jump', chain }] as const;
    }),
  );
}

function value(word: string): bigint {
  const named = NUMBERS.get(word);
  if (named !== undefined) return named;
  if (/^\d+$/.test(word)) return BigInt(word);
  if (/^[\da-f:.]+$/.test(word)) return addressNumber(word);
  throw new Error(`"${word}" is no value that is known here`);
}

/** Forms of statements, tried in this order at the beginning of what is left of a rule. */
const FORMS: readonly (readonly [RegExp, (...found: string[]) => Statement])[] = [
  [/^accept/, () => verdict({ kind: 'accept' })],
  [/^drop/, () => verdict({ kind: 'drop' })],
  [/^reject with (?:tcp reset|icmpx type admin-prohibited)/, () => verdict({ kind: 'reject' })],
  [/^jump (\w+)/, (chain) => verdict({ kind: 'jump', chain })],
  [/^goto (\w+)/, (chain) => verdict({ kind: 'goto', chain })],
  [/^iif "(\w+)"/, (name) => ({ kind: 'interface', way: 'in', name })],
  [/^oif "(\w+)"/, (name) => ({ kind: 'interface', way: 'out', name })],
  [/^ct direction original/, () => ({ kind: 'direction', direction: 'original' })],
  [/^ct direction reply/, () => ({ kind: 'direction', direction: 'reply' })],
  [/^ct status & dnat == 0/, () => ({ kind: 'no-dnat' })],
  [/^fib daddr type local/, () => ({ kind: 'to-local-address' })],
  [
    /^socket cgroupv2 level (\d+) vmap @(\w+)/,
    (level, map) => ({ kind: 'cgroup-map', level: Number(level), map }),
  ],
  [
    /^socket cgroupv2 level (\d+) "([^"]+)"/,
    (level, path) => ({ kind: 'cgroup', level: Number(level), path }),
  ],
  [
    /^tcp flags & \(([\w |]+)\) (==|!=) (\w+)/,
    (mask, operator, wanted) => ({
      kind: 'flags',
      mask: mask.split(' | ').reduce((sum, flag) => sum | flagOf(flag), 0),
      operator: operator === '==' ? '==' : '!=',
      wanted: flagOf(wanted),
    }),
  ],
  [/^icmp type \{ ([\w, -]+) \}/, (names) => icmpTypes('icmp type', names, NUMBERS)],
  [/^icmpv6 type \{ ([\w, -]+) \}/, (names) => icmpTypes('icmpv6 type', names, V6_TYPES)],
  [
    /^((?:ip6?|th|tcp|meta) \w+(?: \. (?:ip6?|th|meta) \w+)*) @(\w+)/,
    (fields, set) => ({ kind: 'in-set', fields: fields.split(' . '), set }),
  ],
  [
    /^((?:ip6? [sd]addr|tcp [sd]port|meta \w+)) ([\w.:]+)/,
    (field, word) => ({ kind: 'one-of', field, values: [value(word)] }),
  ],
];

function parseRule(line: string): Rule {
  const rule: Statement[] = [];
  let rest = line;
  while (rest !== '') {
    const form = FORMS.find(([pattern]) => pattern.test(rest));
    if (!form) throw new Error(`no statement that is known here: ${rest}`);
    const found = form[0].exec(rest) ?? [''];
    rule.push(form[1](...found.slice(1)));
    rest = rest.slice(found[0].length).trimStart();
  }
  return rule;
}

function verdict(of: Verdict): Statement {
  return { kind: 'verdict', verdict: of };
}

function flagOf(name: string): number {
  const flag = TCP_FLAGS.get(name);
  if (flag === undefined) throw new Error(`"${name}" is no flag of TCP that is known here`);
  return flag;
}

function icmpTypes(field: string, names: string, types: ReadonlyMap<string, bigint>): Statement {
  const values = names.split(', ').map((name) => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`"${name}" is no ${field} that is known here`);
    return type;
  });
  return { kind: 'one-of', field, values };
}
