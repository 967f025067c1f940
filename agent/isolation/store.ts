import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../../shared/durable-file.js';
import { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationEvidence, IsolationMode, IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import type { State } from './state.js';

/** Everything about isolation that has to survive a crash. Written whole, as one file. */
export interface Durable {
  readonly state: State;
  /** The desired state that was accepted last; undefined: none yet. */
  readonly desired: DesiredState | undefined;
  /** Ids of isolations that have ended here and of releases that were carried out, newest last. */
  readonly done: readonly string[];
}

/** Where the isolation is kept between two starts. */
export interface IsolationStore {
  /** @throws StateFileError where the file is not one of ours */
  load(): Durable;
  /** Returns when the content is safe against a crash. */
  save(durable: Durable): void;
}

/** The state file cannot be used. The packet filter stays as it is. */
export class StateFileError extends Error {
  override readonly name = 'StateFileError';
}

export const NOTHING_YET: Durable = {
  state: { kind: 'RELEASED', last: undefined },
  desired: undefined,
  done: [],
};

const FORMAT = 1;

/** Name of the state file below the data folder. */
export const STATE_FILE = 'isolation.json';

export function fileStore(dataDir: string): IsolationStore {
  const path = join(dataDir, STATE_FILE);
  return {
    load: () => {
      const text = read(path);
      try {
        return text === undefined ? NOTHING_YET : fromText(text);
      } catch (error) {
        const why = (error as Error).message.replaceAll(/\s+/g, ' ');
        throw new StateFileError(
          `${path}: is damaged (${why}); what is enforced stays enforced. Restore the file from a backup, or run "cordon-agent purge --yes" and enrol again`,
        );
      }
    },
    save: (durable) => writeDurably(path, toText(durable), 0o600),
  };
}

/** A file that may not be read is not damaged: nobody should purge a device because of that. */
function read(path: string): string | undefined {
  try {
    return readIfThere(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StateFileError(
      `${path}: cannot be read (${code ?? message}); what is enforced stays enforced. Run as root or Administrator, or see what is in its place`,
    );
  }
}

const bytes = z.string().transform((text) => Buffer.from(text, 'base64'));
const moment = z.object({ bootId: z.string(), sinceBootMs: z.number(), wallMs: z.number() });
const deadline = z.object({ due: moment, totalMs: z.number() });
const ended = z.object({
  id: z.string(),
  cause: z.number().int(),
  atMs: z.number(),
  by: z.string().optional(),
});
const isolation = z.object({
  id: z.string(),
  mode: z.union([
    z.literal(IsolationMode.ISOLATION_MODE_MANUAL),
    z.literal(IsolationMode.ISOLATION_MODE_AUTOMATIC),
  ]),
  reason: z.string(),
  requestedBy: z.string(),
  settings: bytes.transform((encoded) => IsolationSettings.decode(encoded)),
  releaseDelayMs: z.number(),
  pins: z.object({
    servers: z.array(z.object({ address: z.string(), port: z.number().int() })),
    hosts: z.record(z.string(), z.array(z.string())),
  }),
  enforcedAt: moment.optional(),
  latencyMs: z.number().optional(),
  release: deadline.optional(),
  confirmation: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('waiting'), until: deadline.optional() }),
    z.object({ kind: z.literal('confirmed') }),
    z.object({ kind: z.literal('kept') }),
  ]),
  serverLoss: deadline.optional(),
});
const proof = z.object({
  planId: z.string(),
  unsupported: z.array(z.object({ name: z.string(), detail: z.string() })),
  evidence: bytes.transform((encoded) => IsolationEvidence.decode(encoded)),
});
const fileSchema = z.object({
  format: z.literal(FORMAT),
  state: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('RELEASED'), last: ended.optional() }),
    z.object({ kind: z.literal('ENFORCING'), isolation }),
    z.object({ kind: z.literal('ISOLATED'), isolation, proof }),
    z.object({ kind: z.literal('DEGRADED'), isolation, proof: proof.optional(), reason: z.string() }),
    z.object({ kind: z.literal('RELEASING'), ending: ended.optional(), problem: z.string() }),
  ]),
  desired: bytes.transform((encoded) => DesiredState.decode(encoded)).optional(),
  done: z.array(z.string()),
});

function fromText(text: string): Durable {
  const { state, desired, done } = fileSchema.parse(JSON.parse(text));
  return { state: state as State, desired, done };
}

function toText({ state, desired, done }: Durable): string {
  const encoded: Record<string, unknown> = { ...state };
  if ('isolation' in state) {
    encoded['isolation'] = {
      ...state.isolation,
      settings: base64(IsolationSettings.encode(state.isolation.settings).finish()),
    };
  }
  if ('proof' in state && state.proof) {
    encoded['proof'] = {
      ...state.proof,
      evidence: base64(IsolationEvidence.encode(state.proof.evidence).finish()),
    };
  }
  const content = {
    format: FORMAT,
    state: encoded,
    desired: desired && base64(DesiredState.encode(desired).finish()),
    done,
  };
  return `${JSON.stringify(content)}\n`;
}

const base64 = (content: Uint8Array): string => Buffer.from(content).toString('base64');
