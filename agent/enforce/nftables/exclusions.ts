import type { Rule, RuleApplication, UnsupportedRule } from '../plan.js';
import type { CgroupMatch } from './cgroup-match.js';
import { renderSets, type Matcher, type NftSet, type PacketWay } from './sets.js';

/** A chain that holds the exclusions of one program, for packets that go one way. */
export interface ProgramChain {
  readonly name: string;
  readonly matchers: readonly string[];
}

/** A verdict map from control groups of one level to the chains of their programs. */
export interface ProgramMap {
  readonly name: string;
  readonly elements: readonly string[];
}

/** The exclusions that connections opened from one side may use. */
export interface ExclusionRules {
  readonly sets: readonly NftSet[];
  /** `match(way)` of each is one line of a chain, without its verdict. Empty text: every packet. */
  readonly matchers: readonly Matcher[];
  /** Those of single programs, for each way that a packet can go. */
  readonly programs: (way: PacketWay) => ProgramRules;
  readonly unsupported: readonly UnsupportedRule[];
}

export interface ProgramRules {
  readonly chains: readonly ProgramChain[];
  readonly maps: readonly ProgramMap[];
  /** Whole lines, verdict included: one for each level of the hierarchy at which a program's control group is. */
  readonly lines: readonly string[];
}

/** Finds the cgroup of a program; undefined when there is none now. */
export type CgroupLookup = (application: RuleApplication) => CgroupMatch | undefined;

interface Program {
  readonly cgroup: CgroupMatch;
  readonly matchers: readonly Matcher[];
}

/**
 * Exclusions of the connections that `opener` opens. All of them are elements of sets, one set for each combination of
 * fields that rules name, so that the cost of a packet does not grow with the number of exclusions. Those of a program
 * are in a chain of their own, which a verdict map finds by the control group of the socket.
 */
export function renderExclusions(
  rules: readonly Rule[],
  opener: PacketWay,
  findCgroup: CgroupLookup,
): ExclusionRules {
  const prefix = `opened_${opener}`;
  const anyProgram: Rule[] = [];
  const byCgroup = new Map<string, { readonly cgroup: CgroupMatch; readonly rules: Rule[] }>();
  const unsupported: UnsupportedRule[] = [];
  const lookup = remembering(findCgroup);
  for (const rule of rules) {
    if (opener === 'out' ? !rule.outbound : !rule.inbound) continue;
    if (rule.application === undefined) {
      anyProgram.push(rule);
      continue;
    }
    const program = cgroupOf(rule.application, opener, lookup);
    if (program.kind === 'unsupported') {
      unsupported.push({ name: rule.name, detail: program.detail });
      continue;
    }
    const { cgroup } = program;
    const group = byCgroup.get(cgroup.path) ?? { cgroup, rules: [] };
    group.rules.push(rule);
    byCgroup.set(cgroup.path, group);
  }
  const { sets, matchers, cut, ...budget } = renderSets(anyProgram, prefix);
  let { rangeSets } = budget;
  const allSets = [...sets];
  const allCut = [...cut];
  const programs: Program[] = [];
  for (const [index, { cgroup, rules: own }] of [...byCgroup.values()].entries()) {
    const rendered = renderSets(own, `${prefix}_program_${index}`, rangeSets);
    ({ rangeSets } = rendered);
    allSets.push(...rendered.sets);
    allCut.push(...rendered.cut);
    programs.push({ cgroup, matchers: rendered.matchers });
  }
  for (const { name } of allCut) {
    unsupported.push({ name, detail: 'in part: its ranges cross those of too many others; write fewer' });
  }
  return { sets: allSets, matchers, programs: (way) => programRules(programs, prefix, way), unsupported };
}

function programRules(programs: readonly Program[], prefix: string, way: PacketWay): ProgramRules {
  const chains: ProgramChain[] = [];
  const levels = new Map<number, string[]>();
  for (const [index, { cgroup, matchers }] of programs.entries()) {
    const name = `${prefix}_program_${index}_${way}`;
    chains.push({ name, matchers: matchers.map((match) => match(way)) });
    const elements = levels.get(cgroup.level) ?? [];
    elements.push(`"${cgroup.path}" : jump ${name}`);
    levels.set(cgroup.level, elements);
  }
  const maps = [...levels].map(([level, elements]) => ({
    level,
    name: `${prefix}_level_${level}_${way}`,
    elements,
  }));
  return {
    chains,
    maps,
    lines: maps.map(({ level, name }) => `socket cgroupv2 level ${level} vmap @${name}`),
  };
}

/** Thousands of rules can name one program, and each look goes to the file system. */
function remembering(findCgroup: CgroupLookup): CgroupLookup {
  const known = new Map<string, CgroupMatch | undefined>();
  return (application) => {
    const key = JSON.stringify(application);
    if (!known.has(key)) known.set(key, findCgroup(application));
    return known.get(key);
  };
}

type ProgramMatch =
  | { readonly kind: 'expressible'; readonly cgroup: CgroupMatch }
  | { readonly kind: 'unsupported'; readonly detail: string };

function cgroupOf(application: RuleApplication, opener: PacketWay, findCgroup: CgroupLookup): ProgramMatch {
  switch (application.kind) {
    case 'executable-path':
      return {
        kind: 'unsupported',
        detail: 'nftables cannot match the path of an executable; name a cgroup',
      };
    case 'windows-service':
      return {
        kind: 'unsupported',
        detail: 'a Windows service does not exist on Linux; name a systemd unit',
      };
    case 'systemd-unit':
    case 'cgroup': {
      if (opener === 'in') {
        // The first packet of an incoming connection belongs to no process yet.
        return {
          kind: 'unsupported',
          detail: 'the inbound half: nftables knows the program of outgoing packets only',
        };
      }
      const cgroup = findCgroup(application);
      const label = application.kind === 'cgroup' ? application.path : application.name;
      return cgroup
        ? { kind: 'expressible', cgroup }
        : {
            kind: 'unsupported',
            detail: `"${label}" has no cgroup below the cgroup2 root now; start it first`,
          };
    }
  }
}
