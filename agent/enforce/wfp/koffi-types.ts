import type { default as koffiDefault, TypeObject } from 'koffi';
import type { FieldType, Layouts, Scalar } from './layout.js';

type Koffi = typeof koffiDefault;

const SCALARS: Readonly<Record<Scalar, string>> = {
  uint8: 'uint8_t',
  uint16: 'uint16_t',
  uint32: 'uint32_t',
  uint64: 'uint64_t',
  int8: 'int8_t',
  int16: 'int16_t',
  int32: 'int32_t',
  int64: 'int64_t',
  float32: 'float',
  float64: 'double',
};

/**
 * Builds koffi's types from layouts. koffi knows types by their names, in the whole process, and takes an object for a
 * pointer only where the type has one: `prefix` keeps these apart from others' of the same name.
 * @throws Error where a name is declared twice, or a layout names one that stands behind it
 */
export function koffiTypes(koffi: Koffi, layouts: Layouts, prefix: string): ReadonlyMap<string, TypeObject> {
  const types = new Map<string, TypeObject>();
  const named = (name: string) => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`The layout of ${name} stands behind its first use`);
    return type;
  };
  const pointers = new Map<string, TypeObject>();
  const pointerTo = (name: string) => {
    const known = pointers.get(name);
    if (known !== undefined) return known;
    const pointer = koffi.pointer(isScalar(name) ? SCALARS[name] : named(name));
    pointers.set(name, pointer);
    return pointer;
  };
  const typeOf = (type: FieldType, path: string): string | TypeObject => {
    if (type === 'pointer') return 'void *';
    if (type === 'text') return 'str16';
    if (typeof type === 'string') return SCALARS[type];
    if ('struct' in type) return named(type.struct);
    if ('to' in type) return pointerTo(type.to);
    if ('array' in type) return koffi.array(SCALARS[type.array], type.length);
    return koffi.union(
      path,
      Object.fromEntries(
        type.union.map((member) => [member.name, typeOf(member.type, `${path}_${member.name}`)]),
      ),
    );
  };
  for (const [name, fields] of Object.entries(layouts)) {
    const path = `${prefix}${name}`;
    const members = fields.map((field) => [field.name, typeOf(field.type, `${path}_${field.name}`)] as const);
    types.set(name, koffi.struct(path, Object.fromEntries(members)));
  }
  return types;
}

function isScalar(name: string): name is Scalar {
  return Object.hasOwn(SCALARS, name);
}
