import { Capability, type Hello } from '../../shared/gen/cordon/v1/agent_service.js';
import type { CommandSpec } from '../../shared/gen/cordon/v1/command.js';

/** What an agent said of itself when it came, as far as commands depend on it. */
export type Abilities = Pick<Hello, 'agentVersion' | 'capabilities'>;

/**
 * Why an agent cannot be given this work; undefined: it can. What every agent of this contract can do is not asked for: an
 * unknown command is refused by the agent itself.
 */
export function refusalFor(abilities: Abilities): (spec: CommandSpec) => string | undefined {
  const needs = (capability: Capability, what: string): string | undefined =>
    abilities.capabilities.includes(capability)
      ? undefined
      : `the agent (version ${abilities.agentVersion.slice(0, 64)}) ${what}; upgrade it`;
  return ({ work }) => {
    switch (work?.$case) {
      case 'iocScan':
        return needs(Capability.CAPABILITY_IOC_SCAN, 'cannot scan for indicators of compromise');
      case 'listQuarantine':
      case 'restoreQuarantined':
        return needs(Capability.CAPABILITY_QUARANTINE, 'has no quarantine');
      case 'selfTest':
      case 'collectConnections':
      case undefined:
        return undefined;
    }
  };
}
