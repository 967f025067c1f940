import type { JsonValue } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import { escapedJson, escapedYaml } from '../../shared/command-line/escaped-controls.js';
import type { TextSink } from '../io.js';
import { renderFields, renderTable, type Cell, type TableStyle } from './table.js';

export const OUTPUT_FORMATS = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What a command shows a person. */
export type View =
  | {
      readonly kind: 'table';
      readonly headings: readonly string[];
      readonly rows: readonly (readonly Cell[])[];
      readonly empty: string;
    }
  | { readonly kind: 'fields'; readonly fields: readonly (readonly [string, Cell])[] }
  | { readonly kind: 'text'; readonly text: string }
  /** Below each other, with an empty line between. */
  | { readonly kind: 'sections'; readonly sections: readonly View[] };

/** Writes results in the format that was asked for. */
export class Printer {
  private readonly style: TableStyle;

  constructor(
    readonly format: OutputFormat,
    private readonly sink: TextSink,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.style = { colour: sink.isTTY && !env.NO_COLOR && env.TERM !== 'dumb' };
  }

  /** One result: `view` for people, `data` for programs. Only the one that is asked for is made. */
  print(view: () => View, data: () => JsonValue): void {
    switch (this.format) {
      case 'table':
        return this.sink.write(this.render(view()));
      case 'json':
        return this.sink.write(`${escapedJson(JSON.stringify(data(), undefined, 2))}\n`);
      case 'yaml':
        return this.sink.write(escapedYaml(stringify(data())));
    }
  }

  /** Text that has its form already. */
  printText(text: string): void {
    this.sink.write(text);
  }

  /** One of many results that come over time: one line, or one YAML document. */
  printEvent(text: () => string, data: () => JsonValue): void {
    switch (this.format) {
      case 'table':
        return this.sink.write(`${text()}\n`);
      case 'json':
        return this.sink.write(`${escapedJson(JSON.stringify(data()))}\n`);
      case 'yaml':
        return this.sink.write(`---\n${escapedYaml(stringify(data()))}`);
    }
  }

  private render(view: View): string {
    switch (view.kind) {
      case 'table':
        return view.rows.length === 0 ? `${view.empty}\n` : renderTable(view.headings, view.rows, this.style);
      case 'fields':
        return renderFields(view.fields, this.style);
      case 'text':
        return view.text;
      case 'sections':
        return view.sections.map((section) => this.render(section)).join('\n');
    }
  }
}
