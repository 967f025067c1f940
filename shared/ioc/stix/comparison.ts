import type { Condition } from '../model.js';

/** How a STIX comparison asks. `EXISTS` has no value. */
export type Operator =
  '=' | '!=' | '>' | '<' | '>=' | '<=' | 'IN' | 'LIKE' | 'MATCHES' | 'ISSUBSET' | 'ISSUPERSET' | 'EXISTS';

export interface Comparison {
  /** Object path as written, for example `file:hashes.'SHA-256'`. */
  readonly path: string;
  /** Its parts without quotes and in lower case, the object's type first. */
  readonly parts: readonly string[];
  readonly operator: Operator;
  readonly negated: boolean;
  /** One, several with `IN`, none with `EXISTS`. */
  readonly values: readonly string[];
}

/** A condition on a value, as OpenIOC has it. */
export interface Question {
  readonly condition: Condition;
  readonly content: string;
  /** `content` is a regular expression that the document itself wrote. */
  readonly expression: boolean;
}

/** Questions of which one must hold (or, where the comparison is negated, none may), or why there can be none. */
export type Questions = { readonly alternatives: readonly Question[] } | { readonly problem: string };

/** What a comparison asks of one value. */
export function questionsOf({ operator, values }: Comparison): Questions {
  const [first = ''] = values;
  const ask = (condition: Condition, content = first, expression = false): Question => ({
    condition,
    content,
    expression,
  });
  switch (operator) {
    case '=':
    case '!=':
      return { alternatives: [ask('is')] };
    case '>':
      return { alternatives: [ask('greater-than')] };
    case '<':
      return { alternatives: [ask('less-than')] };
    case '>=':
      return { alternatives: [ask('greater-than'), ask('is')] };
    case '<=':
      return { alternatives: [ask('less-than'), ask('is')] };
    case 'IN':
      return { alternatives: values.map((value) => ask('is', value)) };
    case 'LIKE':
      return { alternatives: [ask('matches', likeExpression(first))] };
    case 'MATCHES':
      return { alternatives: [ask('matches', first, true)] };
    case 'ISSUBSET':
      // Of addresses: a network as what `is` is asked for means every address in it.
      return { alternatives: [ask('is')] };
    case 'ISSUPERSET':
    case 'EXISTS':
      return { problem: `${operator} is not supported.` };
  }
}

/** `%` stands for any characters, `_` for one; all of the text must fit. */
function likeExpression(like: string): string {
  const body = like.replace(/[^]/gu, (character) =>
    character === '%' ? '.*' : character === '_' ? '.' : literal(character),
  );
  return `^(?s:${body})$`;
}

const literal = (character: string): string =>
  /[\\^$.|?*+()[\]{}]/.test(character) ? `\\${character}` : character;
