import { z } from 'zod';

/** An answer that is remembered. */
export interface CachedName {
  readonly name: string;
  /** `A`, `AAAA`, `CNAME` ...; the number where it has no common name; undefined: that the name does not exist. */
  readonly type: string | undefined;
  /** For A and AAAA. */
  readonly address: string | undefined;
  /** The other name, for CNAME and PTR. */
  readonly target: string | undefined;
}

const keySchema = z.object({ type: z.number(), name: z.string() });
const recordSchema = z.object({
  key: keySchema,
  address: z.array(z.number()).optional(),
  name: z.string().optional(),
});
const scopesSchema = z.array(
  z.object({
    cache: z.array(z.object({ key: keySchema, rrs: z.array(z.object({ rr: recordSchema })).optional() })),
  }),
);

const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
]);
/** Type of what is remembered of a name as a whole. */
const ANY = 255;

/**
 * Answers in the output of `resolvectl show-cache --json=short`. Names that were asked for in vain are among them, without
 * data: asking for one is a trace as well.
 * @throws Error when it has another form
 */
export function parseResolvedCache(text: string): CachedName[] {
  return scopesSchema.parse(JSON.parse(text)).flatMap(({ cache }) =>
    cache.flatMap(({ key, rrs }): CachedName[] =>
      rrs === undefined || rrs.length === 0
        ? [{ name: key.name, type: typeName(key.type), address: undefined, target: undefined }]
        : rrs.map(({ rr }) => ({
            name: rr.key.name,
            type: typeName(rr.key.type),
            address: rr.address && addressText(rr.address),
            target: rr.name,
          })),
    ),
  );
}

function typeName(type: number): string | undefined {
  return type === ANY ? undefined : (TYPES.get(type) ?? String(type));
}

function addressText(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}
