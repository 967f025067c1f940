import { fold, type Test } from '../../../shared/ioc/model.js';
import type { Value } from '../item.js';
import { compileTest, type Holds } from './holds.js';

/** Tests of one term. Text that must be equal, hashes and single numbers cost one lookup however many there are. */
interface TermTests {
  /** By value, as it is. Hashes too. */
  readonly exact: Map<string, number>;
  /** By folded value. */
  readonly folded: Map<string, number>;
  readonly numbers: Map<number, number>;
  /** What has to be tried one by one. */
  readonly others: { readonly id: number; readonly holds: Holds }[];
}

/**
 * All distinct tests of all documents. A test that many documents share is tried once for each value; it has a number, and
 * whoever asks gets the numbers of the tests that hold.
 */
export class TestIndex {
  private readonly ids = new Map<string, number>();
  private readonly tests: Holds[] = [];
  private readonly byTerm = new Map<string, TermTests>();

  /** How many distinct tests there are: their numbers are below it. */
  get size(): number {
    return this.tests.length;
  }

  /**
   * Number of a test of a term, the same for the same test.
   * @param tried whether `hits` shall find it; a test that is only asked for by `holds` costs nothing otherwise
   */
  add(term: string, test: Test, tried: boolean): number {
    const key = `${term}\n${describe(test)}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.tests.push(compileTest(test)) - 1;
      this.ids.set(key, id);
    }
    if (tried) this.place(term, test, id);
    return id;
  }

  /** Whether a test holds for at least one of the values. */
  holds(id: number, values: readonly Value[]): boolean {
    const holds = this.tests[id];
    return holds !== undefined && values.some(holds);
  }

  /** The first of the values for which a test holds. */
  firstHolding(id: number, values: readonly Value[]): Value | undefined {
    const holds = this.tests[id];
    return holds && values.find(holds);
  }

  /** Adds the numbers of the tests that hold for at least one value, each perhaps more than once. */
  hits(term: string, values: readonly Value[], into: number[]): void {
    const tests = this.byTerm.get(term);
    if (!tests) return;
    for (const value of values) lookUp(tests, value, into);
    for (const { id, holds } of tests.others) if (values.some(holds)) into.push(id);
  }

  private place(term: string, test: Test, id: number): void {
    let tests = this.byTerm.get(term);
    if (!tests) {
      tests = { exact: new Map(), folded: new Map(), numbers: new Map(), others: [] };
      this.byTerm.set(term, tests);
    }
    if (test.kind === 'text' && test.how === 'is') {
      (test.foldCase ? tests.folded : tests.exact).set(test.text, id);
    } else if (test.kind === 'hash') {
      tests.exact.set(test.hex, id);
    } else if (test.kind === 'number' && isOneNumber(test)) {
      tests.numbers.set(test.ranges[0]?.from ?? NaN, id);
    } else if (test.kind !== 'never' && !tests.others.some((other) => other.id === id)) {
      tests.others.push({ id, holds: compileTest(test) });
    }
  }
}

function lookUp({ exact, folded, numbers }: TermTests, value: Value, into: number[]): void {
  if (exact.size > 0) {
    const id = exact.get(String(value));
    if (id !== undefined) into.push(id);
  }
  if (folded.size > 0) {
    const id = folded.get(fold(String(value)));
    if (id !== undefined) into.push(id);
  }
  if (numbers.size > 0) {
    const id = numbers.get(Number(value));
    if (id !== undefined) into.push(id);
  }
}

function isOneNumber({ ranges }: Extract<Test, { kind: 'number' }>): boolean {
  const [range, ...more] = ranges;
  return range !== undefined && more.length === 0 && range.from === range.to && !range.exclusive;
}

/** Text that is the same only for the same test. */
function describe(test: Test): string {
  return JSON.stringify(test, (_key, value: unknown) =>
    typeof value === 'bigint' || value === Infinity || value === -Infinity ? String(value) : value,
  );
}
