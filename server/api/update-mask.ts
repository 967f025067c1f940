import { invalid } from '../../shared/errors.js';

/** The fields that an update changes, by their proto names. */
export type Mask<Path extends string> = ReadonlySet<Path>;

/**
 * Reads an update mask. Each path must be one of `allowed`, once or more often.
 * @param mask paths as they came; absent or empty changes nothing, which nobody asks for on purpose
 * @throws CordonError INVALID_FIELD
 */
export function requireMask<Path extends string>(
  mask: readonly string[] | undefined,
  allowed: readonly Path[],
): Mask<Path> {
  const choices = allowed.join(', ');
  if (mask === undefined || mask.length === 0) {
    throw invalid([{ field: 'update_mask', description: `must name the fields to change: ${choices}` }]);
  }
  const isAllowed = (path: string): path is Path => (allowed as readonly string[]).includes(path);
  const known = mask.filter(isAllowed);
  if (known.length < mask.length) {
    throw invalid(
      mask.flatMap((path, index) =>
        isAllowed(path)
          ? []
          : [{ field: `update_mask.paths[${index}]`, description: `"${path}" is not one of ${choices}` }],
      ),
    );
  }
  return new Set(known);
}
