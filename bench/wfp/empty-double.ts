import { InsideBfe } from '../../test/windows/suites/inside-bfe.js';

/** Of what others left; it writes nothing down meanwhile, as Windows would not. */
export async function emptyDouble(): Promise<void> {
  (await InsideBfe.open()).control('reset', 'journal off', 'lazy on');
}
