/** What of a function of koffi is used here. */
interface Asynchronous {
  readonly async: (...args: unknown[]) => void;
}

/** The other thread has the addresses of Buffers, which must not be collected before it is done with them. */
const underWay = new Set<readonly unknown[]>();

/** The function called on another thread. Its code of GetLastError stays with that thread. */
export function waiting(call: unknown): (...args: unknown[]) => Promise<unknown> {
  return (...args) =>
    new Promise((resolve, reject) => {
      underWay.add(args);
      (call as Asynchronous).async(...args, (error: Error | null, result: unknown) => {
        underWay.delete(args);
        if (error) reject(error);
        else resolve(result);
      });
    });
}

/**
 * @param ms longest wait, milliseconds
 * @param late message of the error when it is over; the work goes on without anybody who waits for it
 */
export async function within<T>(ms: number, late: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late)), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
