import { setTimeout as pause } from 'node:timers/promises';

/** Waits until `holds` is true. Resolves to the time it took, milliseconds. @throws Error that says what was awaited */
export async function until(
  what: string,
  withinMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<number> {
  const start = performance.now();
  for (;;) {
    if (await holds()) return performance.now() - start;
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(20);
  }
}

export { pause };
