import { readAddress } from '../../../../../shared/ioc/addresses.js';
import type { Test } from '../../../../../shared/ioc/model.js';
import type { Value } from '../../../../../agent/detect/item.js';

/** Whether a value passes a test made with `is`. */
export function holdsFor(test: Test, value: Value): boolean {
  switch (test.kind) {
    case 'text':
      return test.text === (test.foldCase ? String(value).toLowerCase() : String(value));
    case 'hash':
      return test.hex === value;
    case 'boolean':
      return test.value === value;
    case 'number':
    case 'date':
      return test.ranges.some(({ from, to }) => from <= Number(value) && Number(value) <= to);
    case 'address': {
      const address = readAddress(String(value));
      return test.ranges.some(
        ({ family, first, last }) =>
          address?.family === family && first <= address.value && address.value <= last,
      );
    }
    default:
      return false;
  }
}
