import { readAddress } from '../../../shared/ioc/addresses.js';
import { fold, type NumberRange, type Test } from '../../../shared/ioc/model.js';
import { compilePattern } from '../../../shared/ioc/pattern.js';
import type { Value } from '../item.js';

/** Whether a value passes a test. */
export type Holds = (value: Value) => boolean;

const never: Holds = () => false;

/** Makes a test ready for many values. A pattern that does not compile never holds: the parser has refused it before. */
export function compileTest(test: Test): Holds {
  switch (test.kind) {
    case 'text':
      return textTest(test);
    case 'pattern':
      return patternTest(test);
    case 'hash':
      return (value) => value === test.hex;
    case 'number':
    case 'date':
      return (value) => {
        const number = asNumber(value);
        return number !== undefined && test.ranges.some((range) => within(range, number));
      };
    case 'address':
      return (value) => {
        const address = typeof value === 'string' ? readAddress(value) : undefined;
        return (
          address !== undefined &&
          test.ranges.some(
            ({ family, first, last }) =>
              family === address.family && first <= address.value && address.value <= last,
          )
        );
      };
    case 'boolean':
      return (value) => value === test.value;
    case 'never':
      return never;
  }
}

function textTest({ how, text, foldCase }: Extract<Test, { kind: 'text' }>): Holds {
  const ready = foldCase ? (value: Value) => fold(String(value)) : String;
  switch (how) {
    case 'is':
      return (value) => ready(value) === text;
    case 'contains':
      return (value) => ready(value).includes(text);
    case 'starts-with':
      return (value) => ready(value).startsWith(text);
    case 'ends-with':
      return (value) => ready(value).endsWith(text);
  }
}

function patternTest(test: Extract<Test, { kind: 'pattern' }>): Holds {
  try {
    const pattern = compilePattern(test);
    return (value) => pattern.test(String(value));
  } catch {
    return never;
  }
}

function asNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function within({ from, to, exclusive }: NumberRange, value: number): boolean {
  if (value < from || value > to) return false;
  return !(exclusive === 'from' && value === from) && !(exclusive === 'to' && value === to);
}
