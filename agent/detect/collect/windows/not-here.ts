const PREFIX = 'not available here: ';

/** How results say that this computer does not tell something: never a silent "no". */
export function notHere(why: unknown): Error {
  return new Error(`${PREFIX}${reasonOf(why)}`, { cause: why });
}

/** The same as a promise's end: what a kind of items as a whole rests on. */
export async function orNotHere<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw notHere(error);
  }
}

/** What an error says, for people. */
export function reasonOf(why: unknown): string {
  return why instanceof Error ? why.message : String(why);
}
