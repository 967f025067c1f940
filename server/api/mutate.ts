import type { MethodDefinition } from '@grpc/grpc-js';
import { lastSequence } from '../store/audit.js';
import type { Reader, Store, Tx } from '../store/store.js';
import { requestIdReused, storeAnswer, storedAnswer, type Repeatable } from './replay.js';
import type { Caller, Mutation } from './rpc.js';
import { requireRequestId } from './validate.js';

/** Fields that the pipeline itself understands, in whichever request has them. */
interface CommonFields {
  readonly requestId?: string;
  readonly validateOnly?: boolean;
}

export interface MutateDeps {
  readonly store: Store;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Runs a mutation: after its preparation, one transaction holds its changes, its audit record and its answer for a repeat. With
 * `validate_only` the transaction is rolled back.
 */
export async function mutate<Request, Response>(
  { store, now }: MutateDeps,
  definition: MethodDefinition<Request, Response>,
  rpc: Mutation<Request, Response, unknown>,
  caller: Caller,
  request: Request,
): Promise<Response> {
  const { requestId = '', validateOnly = false } = request as CommonFields;
  requireRequestId(requestId);
  if (validateOnly) return validate(store, rpc, caller, request);

  const call: Repeatable = {
    tokenId: caller.tokenId,
    requestId,
    method: definition.path,
    bytes: definition.requestSerialize(request),
  };
  const repeat = async (db: Reader): Promise<Response | undefined> => {
    const earlier = requestId === '' ? undefined : await storedAnswer(db, call);
    if (!earlier) return undefined;
    if (rpc.answersSecret) throw requestIdReused('was used already, and its secret cannot be shown again');
    return definition.responseDeserialize(Buffer.from(earlier));
  };
  const known = rpc.prepare && (await repeat(store.read));
  if (known) return known;
  const prepared = await rpc.prepare?.(caller, request);
  const { response, repeated } = await store.write(async (tx) => {
    // Two of the same may be under way at once.
    const earlier = await repeat(tx);
    if (earlier) return { response: earlier, repeated: true };
    const answer = await audited(tx, definition.path, () => rpc.run(tx, caller, request, prepared));
    if (requestId !== '') {
      const stored = rpc.answersSecret ? Buffer.alloc(0) : definition.responseSerialize(answer);
      await storeAnswer(tx, call, stored, now());
    }
    return { response: answer, repeated: false };
  });
  if (!repeated) rpc.committed?.(request, response);
  return response;
}

async function validate<Request, Response>(
  store: Store,
  rpc: Mutation<Request, Response, unknown>,
  caller: Caller,
  request: Request,
): Promise<Response> {
  const prepared = await rpc.prepare?.(caller, request);
  const answers: Response[] = [];
  const rollBack = new Error('validated');
  try {
    await store.write(async (tx) => {
      answers.push(await rpc.run(tx, caller, request, prepared));
      throw rollBack;
    });
  } catch (error) {
    if (error !== rollBack) throw error;
  }
  return answers[0] as Response;
}

/** Fails, and so rolls back, a change that left no audit record. */
async function audited<Result>(tx: Tx, method: string, run: () => Promise<Result>): Promise<Result> {
  const before = await lastSequence(tx);
  const result = await run();
  if ((await lastSequence(tx)) === before) throw new Error(`${method} left no audit record (this is a bug)`);
  return result;
}
