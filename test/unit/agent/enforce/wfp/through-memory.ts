import koffi, { type TypeObject } from 'koffi';
import { wfpMemory, type Address, type WfpMemory } from '../../../../../agent/enforce/wfp/library.js';

/**
 * Hands a structure to a C function, as a call to BFE would, and reads it there: bsearch() gives its first argument to a
 * function of ours as it came. So koffi writes all of it, with whatever the structure points to, into memory of that call.
 */
export async function throughMemory<Result>(
  type: string,
  raw: unknown,
  read: (memory: WfpMemory, address: Address<'object'>) => Result,
): Promise<Result> {
  const memory = await wfpMemory();
  const bsearch = koffi
    .load(null)
    .func('bsearch', 'void *', [koffi.pointer(memory.type(type)), 'void *', 'size_t', 'size_t', 'void *']);
  let result: { readonly read: Result } | undefined;
  let failure: unknown;
  const callback = koffi.register((address: Address<'object'>) => {
    try {
      result = { read: read(memory, address) };
    } catch (error) {
      failure = error;
    }
    return 0;
  }, koffi.pointer(compareType()));
  try {
    bsearch(raw, Buffer.alloc(1), 1, 1, callback);
  } finally {
    koffi.unregister(callback);
  }
  if (result === undefined) throw failure;
  return result.read;
}

let compare: TypeObject | undefined;

function compareType(): TypeObject {
  compare ??= koffi.proto('TestWfpCompare', 'int', ['void *', 'void *']);
  return compare;
}
