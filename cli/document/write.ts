import { Document, isMap, isSeq, visit } from 'yaml';
import { escapedJson, escapedYaml } from '../../shared/command-line/escaped-controls.js';
import type { Printer } from '../view/printer.js';
import type { Form } from './form.js';

/** Blocks that are easier to read on one line. */
const ON_ONE_LINE = new Set([
  'local_ports',
  'remote_ports',
  'local_addresses',
  'remote_addresses',
  'trusted_detectors',
  'users',
  'source',
]);

/** A form as YAML. */
export function yamlText(form: Form): string {
  const document = new Document(form);
  visit(document, {
    Pair(_, { key, value }) {
      const name = (key as { value?: unknown } | null)?.value;
      if (typeof name === 'string' && ON_ONE_LINE.has(name) && (isMap(value) || isSeq(value))) {
        value.flow = true;
      }
    },
  });
  return escapedYaml(document.toString({ lineWidth: 100, flowCollectionPadding: false }));
}

/** A form as JSON. */
export function jsonText(form: Form): string {
  return `${escapedJson(JSON.stringify(form, undefined, 2))}\n`;
}

/** Prints a document: YAML, unless JSON was asked for. */
export function printForm(printer: Printer, form: Form): void {
  printer.printText(printer.format === 'json' ? jsonText(form) : yamlText(form));
}
