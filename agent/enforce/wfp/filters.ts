import type { Plan, Rule, UnsupportedRule } from '../plan.js';
import { serviceSid } from '../../windows/sid.js';
import { programIs, tokenHas } from './conditions.js';
import { exclusionFilters, isForDhcp } from './exclusion-filters.js';
import type { Guid } from './guids.js';
import { SUBLAYER } from './own-objects.js';
import { blockAll, icmp, loopback, ownChannel, type AgentIdentity } from './system-filters.js';
import { Turns } from './turns.js';
import type { Condition, Filter, FoundFilter, Lifetime } from './types.js';

/** What the filters of a plan need to know about this computer. */
export interface WfpContext {
  readonly agent: AgentIdentity;
  /** AppIds by the path of the executable as the rule has it; undefined: there is no such file. */
  readonly appIds: ReadonlyMap<string, Buffer | undefined>;
}

export interface PlanFilters {
  /** No two with one key. */
  readonly filters: readonly Filter[];
  readonly unsupported: readonly UnsupportedRule[];
}

/** Executables whose AppId `filtersOf` asks for. */
export function pathsOf(plan: Plan): string[] {
  const paths = plan.rules.flatMap(({ application }) =>
    application?.kind === 'executable-path' ? [application.path] : [],
  );
  return [...new Set(paths)];
}

/**
 * All filters of a plan; docs/security.md says in words what they let pass. Pure. The persistent ones are in force while
 * BFE runs; from the start of the network stack until then the boot-time ones are, which allow less: no program, so not
 * the own channel either, and of the exclusions only those for DHCP.
 */
export function filtersOf(plan: Plan, context: WfpContext): PlanFilters {
  const collected = new Collected();
  collected.add(filtersOfSystem(plan, context));
  for (const rule of plan.rules) collected.addRule(rule, context);
  return collected.result();
}

/** The same; the event loop gets its turn in between, however many exclusions there are. */
export async function filtersInTurns(plan: Plan, context: WfpContext): Promise<PlanFilters> {
  const turns = new Turns();
  const collected = new Collected();
  collected.add(filtersOfSystem(plan, context));
  for (const rule of plan.rules) {
    collected.addRule(rule, context);
    if (turns.due) await turns.give();
  }
  return collected.result();
}

function filtersOfSystem(plan: Plan, { agent }: WfpContext): Filter[] {
  const ofLifetime = (lifetime: Lifetime): Filter[] => [
    ...loopback(lifetime),
    ...icmp(lifetime),
    ...blockAll(lifetime, plan.planId),
  ];
  return [
    ...ownChannel(plan.serverEndpoints, agent),
    ...ofLifetime('persistent'),
    ...ofLifetime('boot-time'),
  ];
}

class Collected {
  private readonly byKey = new Map<Guid, Filter>();
  private readonly unsupported: UnsupportedRule[] = [];

  add(filters: readonly Filter[]): void {
    // Exclusions that differ in their names alone are one.
    for (const filter of filters) if (!this.byKey.has(filter.key)) this.byKey.set(filter.key, filter);
  }

  addRule(rule: Rule, { appIds }: WfpContext): void {
    const program = programOf(rule, appIds);
    if (program.kind === 'unsupported') {
      this.unsupported.push({ name: rule.name, detail: program.detail });
      return;
    }
    this.add(exclusionFilters(rule, program.condition, 'persistent'));
    if (isForDhcp(rule)) this.add(exclusionFilters(rule, undefined, 'boot-time'));
  }

  result(): PlanFilters {
    return { filters: [...this.byKey.values()], unsupported: this.unsupported };
  }
}

/** The plan whose filters these are, as its block for everything says. Undefined: there is none, or two disagree. */
export function planIdOf(filters: readonly FoundFilter[]): string | undefined {
  const ids = new Set<string>();
  for (const { filter } of filters) {
    if (filter?.sublayer !== SUBLAYER.key || filter.action !== 'block') continue;
    if (filter.conditions.length === 0) ids.add(filter.data.toString());
  }
  const [only] = ids;
  return ids.size === 1 && only !== '' ? only : undefined;
}

type Program =
  | { readonly kind: 'expressible'; readonly condition: Condition | undefined }
  | { readonly kind: 'unsupported'; readonly detail: string };

function programOf({ application }: Rule, appIds: WfpContext['appIds']): Program {
  switch (application?.kind) {
    case undefined:
      return { kind: 'expressible', condition: undefined };
    case 'executable-path': {
      const appId = appIds.get(application.path);
      return appId === undefined
        ? {
            kind: 'unsupported',
            detail: `there is no executable "${application.path}" on this computer; correct the path`,
          }
        : { kind: 'expressible', condition: programIs(appId) };
    }
    case 'windows-service':
      return { kind: 'expressible', condition: tokenHas(serviceSid(application.name)) };
    case 'systemd-unit':
      return {
        kind: 'unsupported',
        detail: 'a systemd unit does not exist on Windows; name a Windows service',
      };
    case 'cgroup':
      return {
        kind: 'unsupported',
        detail: 'a control group does not exist on Windows; name an executable or a Windows service',
      };
  }
}
