import type { default as koffi, LibraryHandle, TypeObject } from 'koffi';
import { systemLibrary } from '../../windows/library.js';
import type { Raw } from './encode.js';
import type { RawGuid } from './guid-memory.js';
import { koffiTypes } from './koffi-types.js';
import { WFP_LAYOUTS } from './layout.js';

type Koffi = typeof koffi;
type KoffiFunction = ReturnType<LibraryHandle['func']>;

/** Addresses and handles carry no type for koffi: the wrong one would be taken, and read. So TypeScript knows them apart. */
export type Address<What extends string> = bigint & { readonly __address: What };
export type EngineHandle = Address<'engine'>;
export type EnumHandle<What extends string> = Address<`enumeration of ${What}`>;
export type ChangeHandle = Address<'change'>;

/** Written by the call into the only element. */
export type Out<Type> = [Type | null];

type Security = Buffer | null;
type CreateEnum<What extends string> = [
  engine: EngineHandle,
  template: Raw | null,
  handle: Out<EnumHandle<What>>,
];
type Enum<What extends string> = [
  engine: EngineHandle,
  handle: EnumHandle<What>,
  wanted: number,
  entries: Out<Address<'list'>>,
  count: Out<number>,
];
type DestroyEnum<What extends string> = [engine: EngineHandle, handle: EnumHandle<What>];
type ByKey = [engine: EngineHandle, key: RawGuid];
type GetByKey = [...ByKey, object: Out<Address<'object'>>];

/** Functions of fwpuclnt.dll with their arguments. All return 0 or an error, but FwpmFreeMemory0 nothing. */
export interface Signatures {
  FwpmEngineOpen0: [server: null, authn: number, identity: null, session: Raw, handle: Out<EngineHandle>];
  FwpmEngineClose0: [engine: EngineHandle];
  FwpmTransactionBegin0: [engine: EngineHandle, flags: number];
  FwpmTransactionCommit0: [engine: EngineHandle];
  FwpmTransactionAbort0: [engine: EngineHandle];
  FwpmProviderAdd0: [engine: EngineHandle, provider: Raw, security: Security];
  FwpmProviderDeleteByKey0: ByKey;
  FwpmProviderGetByKey0: GetByKey;
  FwpmSubLayerAdd0: [engine: EngineHandle, sublayer: Raw, security: Security];
  FwpmSubLayerDeleteByKey0: ByKey;
  FwpmSubLayerGetByKey0: GetByKey;
  FwpmSubLayerCreateEnumHandle0: CreateEnum<'sublayers'>;
  FwpmSubLayerEnum0: Enum<'sublayers'>;
  FwpmSubLayerDestroyEnumHandle0: DestroyEnum<'sublayers'>;
  FwpmFilterAdd0: [engine: EngineHandle, filter: Raw, security: Security, id: Out<number | bigint>];
  FwpmFilterDeleteByKey0: ByKey;
  FwpmFilterGetByKey0: GetByKey;
  FwpmFilterCreateEnumHandle0: CreateEnum<'filters'>;
  FwpmFilterEnum0: Enum<'filters'>;
  FwpmFilterDestroyEnumHandle0: DestroyEnum<'filters'>;
  FwpmSessionCreateEnumHandle0: CreateEnum<'sessions'>;
  FwpmSessionEnum0: Enum<'sessions'>;
  FwpmSessionDestroyEnumHandle0: DestroyEnum<'sessions'>;
  FwpmFilterSubscribeChanges0: [
    engine: EngineHandle,
    subscription: Raw,
    callback: bigint,
    context: null,
    handle: Out<ChangeHandle>,
  ];
  FwpmFilterUnsubscribeChanges0: [engine: EngineHandle, handle: ChangeHandle];
  FwpmGetAppIdFromFileName0: [path: string, blob: Out<Address<'blob'>>];
  /** Returns nothing; sets the element to null. */
  FwpmFreeMemory0: [memory: Out<Address<string>>];
}

export type FunctionName = keyof Signatures;

type Texts<Parameters extends readonly unknown[]> = { readonly [At in keyof Parameters]: string };

/** Parameters in the words of koffi and of layout.ts: `*X` is the address of an X, `out` and `inout` what the call writes. */
const PARAMETERS: { readonly [Name in FunctionName]: Texts<Signatures[Name]> } = {
  FwpmEngineOpen0: ['str16', 'uint32_t', 'void *', '*FWPM_SESSION0', 'out void *'],
  FwpmEngineClose0: ['void *'],
  FwpmTransactionBegin0: ['void *', 'uint32_t'],
  FwpmTransactionCommit0: ['void *'],
  FwpmTransactionAbort0: ['void *'],
  FwpmProviderAdd0: ['void *', '*FWPM_PROVIDER0', 'void *'],
  FwpmProviderDeleteByKey0: ['void *', '*GUID'],
  FwpmProviderGetByKey0: ['void *', '*GUID', 'out void *'],
  FwpmSubLayerAdd0: ['void *', '*FWPM_SUBLAYER0', 'void *'],
  FwpmSubLayerDeleteByKey0: ['void *', '*GUID'],
  FwpmSubLayerGetByKey0: ['void *', '*GUID', 'out void *'],
  FwpmSubLayerCreateEnumHandle0: ['void *', 'void *', 'out void *'],
  FwpmSubLayerEnum0: ['void *', 'void *', 'uint32_t', 'out void *', 'out uint32_t'],
  FwpmSubLayerDestroyEnumHandle0: ['void *', 'void *'],
  FwpmFilterAdd0: ['void *', '*FWPM_FILTER0', 'void *', 'out uint64_t'],
  FwpmFilterDeleteByKey0: ['void *', '*GUID'],
  FwpmFilterGetByKey0: ['void *', '*GUID', 'out void *'],
  FwpmFilterCreateEnumHandle0: ['void *', '*FWPM_FILTER_ENUM_TEMPLATE0', 'out void *'],
  FwpmFilterEnum0: ['void *', 'void *', 'uint32_t', 'out void *', 'out uint32_t'],
  FwpmFilterDestroyEnumHandle0: ['void *', 'void *'],
  FwpmSessionCreateEnumHandle0: ['void *', 'void *', 'out void *'],
  FwpmSessionEnum0: ['void *', 'void *', 'uint32_t', 'out void *', 'out uint32_t'],
  FwpmSessionDestroyEnumHandle0: ['void *', 'void *'],
  FwpmFilterSubscribeChanges0: ['void *', '*FWPM_FILTER_SUBSCRIPTION0', 'void *', 'void *', 'out void *'],
  FwpmFilterUnsubscribeChanges0: ['void *', 'void *'],
  FwpmGetAppIdFromFileName0: ['str16', 'out void *'],
  FwpmFreeMemory0: ['inout void *'],
};

/** koffi with the types of WFP. */
export interface WfpMemory {
  readonly koffi: Koffi;
  /** By the name in layout.ts. */
  readonly type: (name: string) => TypeObject;
  /** Signature of FWPM_FILTER_CHANGE_CALLBACK0, for `koffi.register`. */
  readonly changeCallback: TypeObject;
}

let memory: Promise<WfpMemory> | undefined;

/** koffi's names of types are global, so they are declared once. Works on every platform: it loads no library of Windows. */
export function wfpMemory(): Promise<WfpMemory> {
  memory ??= declare();
  return memory;
}

async function declare(): Promise<WfpMemory> {
  const { default: koffi } = await import('koffi');
  const types = koffiTypes(koffi, WFP_LAYOUTS, 'CordonWfp_');
  const changeCallback = koffi.pointer(
    koffi.proto('__stdcall', 'CordonWfp_ChangeCallback', 'void', ['void *', 'void *']),
  );
  const type = (name: string) => {
    const found = types.get(name);
    if (found === undefined) throw new RangeError(`layout.ts has no ${name}`);
    return found;
  };
  return { koffi, type, changeCallback };
}

/** The calls, without a thought about when they may be made (calls.ts). */
export interface WfpLibrary {
  readonly memory: WfpMemory;
  /** Returns the error, unsigned; 0: none. Waits as long as the call does. */
  now<Name extends FunctionName>(name: Name, ...parameters: Signatures[Name]): number;
  /** The same on another thread. */
  later<Name extends FunctionName>(name: Name, ...parameters: Signatures[Name]): Promise<number>;
}

const LIBRARY = 'fwpuclnt.dll';
const loaded = new Map<string | undefined, Promise<WfpLibrary>>();

/**
 * Loads it once, however many sessions there are.
 * @param path of the library; default fwpuclnt.dll of the system folder
 * @throws Error where there is no such library; a function that it lacks is found out at its first call
 */
export function loadWfp(path?: string): Promise<WfpLibrary> {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const library = load(path);
  loaded.set(path, library);
  library.catch(() => loaded.delete(path));
  return library;
}

async function load(path: string | undefined): Promise<WfpLibrary> {
  const library = await systemLibrary(LIBRARY, path).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The Windows Filtering Platform is not here: ${path ?? LIBRARY}: ${reason}`, { cause });
  });
  return bind(library, await wfpMemory());
}

function bind(library: LibraryHandle, memory: WfpMemory): WfpLibrary {
  const bound = new Map<FunctionName, KoffiFunction>();
  // The other thread has the addresses of Buffers, which must not be collected before it is done with them.
  const underWay = new Set<unknown>();
  const functionOf = (name: FunctionName): KoffiFunction => {
    const known = bound.get(name);
    if (known !== undefined) return known;
    const result = name === 'FwpmFreeMemory0' ? 'void' : 'uint32_t';
    const parameters = PARAMETERS[name].map((text) => parameterType(memory, text));
    const found = library.func('__stdcall', name, result, parameters as TypeObject[]);
    bound.set(name, found);
    return found;
  };
  return {
    memory,
    now: (name, ...parameters) => Number(functionOf(name)(...parameters) ?? 0),
    later: (name, ...parameters) =>
      new Promise((resolve, reject) => {
        underWay.add(parameters);
        functionOf(name).async(...parameters, (error: Error | null, result: number | undefined) => {
          underWay.delete(parameters);
          if (error === null || error === undefined) resolve(Number(result ?? 0));
          else reject(error);
        });
      }),
  };
}

function parameterType({ koffi, type }: WfpMemory, text: string) {
  if (text.startsWith('*')) return koffi.pointer(type(text.slice(1)));
  const [direction, ...rest] = text.split(' ');
  const pointer = () => koffi.pointer(rest.join(' '));
  if (direction === 'out') return koffi.out(pointer());
  if (direction === 'inout') return koffi.inout(pointer());
  return koffi.type(text);
}
