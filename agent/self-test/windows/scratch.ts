import { randomUUID } from 'node:crypto';
import type { WfpEngine, WfpObjects } from '../../enforce/wfp/engine-interface.js';
import { guid, type Guid, type Layer } from '../../enforce/wfp/guids.js';
import type { Condition, Filter, Lifetime, Provider, Sublayer } from '../../enforce/wfp/types.js';
import { openScratchEngine } from './open.js';

/** Below Cordon's own sublayer and above what others leave at their defaults. */
const WEIGHT = 0x7fff;
const NO_DATA = Buffer.alloc(0);

export const newKey = (): Guid => guid(randomUUID());

/** Provider, sublayer and filters of a self-test, with keys that nobody else has. */
export class Scratch {
  readonly provider: Provider;
  readonly sublayer: Sublayer;

  constructor(
    readonly engine: WfpEngine,
    lifetime: Provider['lifetime'],
  ) {
    const display = { name: 'Cordon self-test', description: 'vanishes when the self-test ends' };
    this.provider = { ...display, key: newKey(), lifetime, data: NO_DATA, serviceName: undefined };
    this.sublayer = this.anotherSublayer();
  }

  anotherSublayer(): Sublayer {
    const { name, description, key: provider, lifetime } = this.provider;
    return { name, description, key: newKey(), provider, lifetime, data: NO_DATA, weight: WEIGHT };
  }

  /** A block without conditions, unless told otherwise. The caller adds it. */
  filter(layer: Layer, conditions: readonly Condition[], other: Partial<Filter> = {}): Filter {
    const lifetime: Lifetime = this.provider.lifetime;
    return {
      key: newKey(),
      provider: this.provider.key,
      sublayer: this.sublayer.key,
      name: 'Cordon self-test',
      description: '',
      layer,
      lifetime,
      weight: { kind: 'class', value: 0 },
      conditions,
      action: 'block',
      hard: true,
      data: NO_DATA,
      ...other,
    };
  }

  async install(objects: WfpObjects): Promise<void> {
    await objects.addProvider(this.provider);
    await objects.addSublayer(this.sublayer);
  }
}

/** Filters in force while `work` runs. They belong to a dynamic session: Windows removes them with the process. */
export async function withDynamic<T>(work: (scratch: Scratch) => Promise<T>): Promise<T> {
  const engine = await openScratchEngine({ dynamic: true });
  try {
    const scratch = new Scratch(engine, 'static');
    await scratch.install(engine);
    return await work(scratch);
  } finally {
    await engine.close();
  }
}

/** What `work` says, after everything that it has done has been undone: it was never in force. */
export async function inAbortedTransaction<T>(
  lifetime: Provider['lifetime'],
  work: (scratch: Scratch, objects: WfpObjects) => Promise<T>,
): Promise<T> {
  const engine = await openScratchEngine({});
  const undone = new Error('the self-test undoes what it has done');
  let answer: { readonly value: T } | undefined;
  try {
    const scratch = new Scratch(engine, lifetime);
    await engine.transaction(async (objects) => {
      await scratch.install(objects);
      answer = { value: await work(scratch, objects) };
      throw undone;
    });
  } catch (error) {
    if (error !== undone) throw error;
  } finally {
    await engine.close();
  }
  if (!answer) throw new Error('the transaction ended without its work');
  return answer.value;
}
