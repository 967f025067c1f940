import { check, written, type SessionCalls } from './calls.js';
import type { Raw } from './encode.js';
import { WfpError } from './errors.js';
import type { Address, EnumHandle, Out, WfpLibrary, WfpMemory } from './library.js';

/** Entries a call. Each is copied before anything else happens, so a page is also how long others wait. */
const PAGE = 100;

/** The three calls by which each kind of object is enumerated. */
export const ENUMERATIONS = {
  filters: ['FwpmFilterCreateEnumHandle0', 'FwpmFilterEnum0', 'FwpmFilterDestroyEnumHandle0'],
  sublayers: ['FwpmSubLayerCreateEnumHandle0', 'FwpmSubLayerEnum0', 'FwpmSubLayerDestroyEnumHandle0'],
  sessions: ['FwpmSessionCreateEnumHandle0', 'FwpmSessionEnum0', 'FwpmSessionDestroyEnumHandle0'],
} as const;

/** The three have one signature each; TypeScript tells them apart only by the brand of the handle. */
type Kind = keyof typeof ENUMERATIONS;

/**
 * Everything that matches the template. Handle and memory are given back whatever happens.
 * @param template null: everything
 * @throws WfpError
 */
export async function enumerate<Found>(
  calls: SessionCalls,
  kind: Kind,
  template: Raw | null,
  decode: (memory: WfpMemory, address: Address<'object'>) => Found,
): Promise<Found[]> {
  const [create, , destroy] = ENUMERATIONS[kind] as (typeof ENUMERATIONS)['filters'];
  const handle: Out<EnumHandle<'filters'>> = [null];
  check(create, await calls.later(create, template, handle));
  const opened = written(create, handle);
  const found: Found[] = [];
  try {
    for (;;) {
      const page = await nextPage(calls, kind, opened, decode);
      found.push(...page);
      if (page.length < PAGE) break;
    }
  } catch (error) {
    // The first error says more than one of this call would.
    await release(calls, destroy, opened).catch(() => undefined);
    throw error;
  }
  await release(calls, destroy, opened);
  return found;
}

/** A session that ended has taken its handles along. */
async function release(
  calls: SessionCalls,
  destroy: (typeof ENUMERATIONS)['filters'][2],
  handle: EnumHandle<'filters'>,
): Promise<void> {
  if (!calls.ended) check(destroy, await calls.later(destroy, handle));
}

async function nextPage<Found>(
  calls: SessionCalls,
  kind: Kind,
  handle: EnumHandle<'filters'>,
  decode: (memory: WfpMemory, address: Address<'object'>) => Found,
): Promise<Found[]> {
  const [, next] = ENUMERATIONS[kind] as (typeof ENUMERATIONS)['filters'];
  const entries: Out<Address<'list'>> = [null];
  const count: Out<number> = [0];
  check(next, await calls.later(next, handle, PAGE, entries, count));
  try {
    const [list] = entries;
    const length = count[0] ?? 0;
    if (list === null || length === 0) return [];
    const { memory } = calls.library;
    const addresses = memory.koffi.decode(list, 'void *', length) as Address<'object'>[];
    return addresses.map((address) => decode(memory, address));
  } finally {
    free(calls.library, entries);
  }
}

/**
 * What a getter finds, copied; undefined where there is none.
 * @param code of the getter
 */
export function taken<Found>(
  library: WfpLibrary,
  code: number,
  object: Out<Address<'object'>>,
  decode: (memory: WfpMemory, address: Address<'object'>) => Found,
  call: 'FwpmProviderGetByKey0' | 'FwpmSubLayerGetByKey0' | 'FwpmFilterGetByKey0',
  missing: readonly number[],
): Found | undefined {
  if (missing.includes(code)) return undefined;
  if (code !== 0) throw new WfpError(call, code);
  try {
    return decode(library.memory, written(call, object));
  } finally {
    free(library, object);
  }
}

/** Only what the library gave may be given back, and only so. Needs no session. */
export function free(library: WfpLibrary, memory: Out<Address<string>>): void {
  if (memory[0] !== null) library.now('FwpmFreeMemory0', memory);
}
