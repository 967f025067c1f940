import { MAX_PATTERN_NESTING } from '../limits.js';
import type { IocNode, ItemType } from '../model.js';
import type { TreeBuilder } from '../tree-builder.js';
import type { Comparison, Operator } from './comparison.js';
import { comparisonNode } from './comparison-node.js';
import { Expression, type Joint, type Operand } from './expression.js';
import { PatternSyntaxError, Tokens, type Token } from './tokens.js';

/**
 * Reads a pattern of STIX 2.1 (part 9 of the standard) without calling itself. What cannot be told from one look at a
 * computer (FOLLOWEDBY, REPEATS more than once, START and STOP, WITHIN over several observations) counts as no match.
 * @param id of the indicator
 * @throws PatternSyntaxError; IocDocumentError when the document has too many terms or groups
 */
export function readPattern(pattern: string, builder: TreeBuilder, id: string): IocNode {
  return new PatternReader(new Tokens(pattern), builder, id).read().node;
}

const SIGN_OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['<>', '!='],
  ['>', '>'],
  ['<', '<'],
  ['>=', '>='],
  ['<=', '<='],
]);
const WORD_OPERATORS: ReadonlySet<string> = new Set(['IN', 'LIKE', 'MATCHES', 'ISSUBSET', 'ISSUPERSET']);

class PatternReader {
  private readonly open: Expression[] = [];

  constructor(
    private readonly tokens: Tokens,
    private readonly builder: TreeBuilder,
    private readonly id: string,
  ) {}

  read(): Operand {
    this.push('observation');
    for (;;) {
      this.readOperand();
      while (!this.readJoint()) {
        if (this.open.length === 1 && this.tokens.peek().kind === 'end') return this.top().close();
        this.readClosing();
      }
    }
  }

  /** Opening brackets up to a comparison, and the comparison. */
  private readOperand(): void {
    for (;;) {
      const comparing = this.top().level === 'comparison';
      if (this.tokens.takeSign('(')) this.push(this.top().level);
      else if (!comparing && this.tokens.takeSign('[')) this.push('comparison');
      else if (comparing) return this.top().add(this.readComparison());
      else throw expected('"[" or "("', this.tokens.peek());
    }
  }

  private readJoint(): boolean {
    const joints: readonly Joint[] =
      this.top().level === 'observation' ? ['AND', 'OR', 'FOLLOWEDBY'] : ['AND', 'OR'];
    const joint = joints.find((word) => this.tokens.takeWord(word));
    if (joint !== undefined) this.top().joint(joint);
    return joint !== undefined;
  }

  /** A closing bracket, or what qualifies the observation before it. */
  private readClosing(): void {
    const inner = this.top();
    const outer = this.open.at(-2);
    if (inner.level === 'observation' && this.readQualifier(inner)) return;
    const bracket = inner.level === 'comparison' && outer?.level === 'observation' ? ']' : ')';
    if (outer === undefined || !this.tokens.takeSign(bracket)) {
      throw expected(outer === undefined ? 'the end' : `"${bracket}"`, this.tokens.peek());
    }
    this.open.pop();
    outer.add(inner.close());
  }

  private readQualifier(expression: Expression): boolean {
    if (this.tokens.takeWord('WITHIN')) {
      this.take('number');
      this.takeUnit('SECONDS');
      // One thing seen once lies within any time.
      const last = expression.takeLast();
      if (last !== undefined) expression.add(last.several ? this.unanswerable('WITHIN', last) : last);
      return true;
    }
    if (this.tokens.takeWord('REPEATS')) {
      const times = this.take('number');
      this.takeUnit('TIMES');
      if (times !== '1') this.replaceLast(expression, 'REPEATS');
      return true;
    }
    if (!this.tokens.takeWord('START')) return false;
    this.takeTime();
    this.takeUnit('STOP');
    this.takeTime();
    this.replaceLast(expression, 'START');
    return true;
  }

  private replaceLast(expression: Expression, qualifier: string): void {
    const last = expression.takeLast();
    if (last !== undefined) expression.add(this.unanswerable(qualifier, last));
  }

  private unanswerable(qualifier: string, { types, several }: Operand): Operand {
    const detail = 'A scan sees things at one time and cannot tell when or how often they were there.';
    return { node: this.builder.neverAtAll(this.id, qualifier, detail), types, several };
  }

  private readComparison(): Operand {
    const negatedExists = this.tokens.takeWord('NOT');
    if (this.tokens.takeWord('EXISTS')) {
      return this.operand({ ...this.readPath(), operator: 'EXISTS', negated: negatedExists, values: [] });
    }
    if (negatedExists) throw expected('EXISTS', this.tokens.peek());
    const path = this.readPath();
    const not = this.tokens.takeWord('NOT');
    const operator = this.readOperator();
    const values = operator === 'IN' ? this.readSet() : [this.readValue()];
    return this.operand({ ...path, operator, negated: not !== (operator === '!='), values });
  }

  private operand(comparison: Comparison): Operand {
    const node = comparisonNode(this.builder, this.id, comparison);
    return { node, types: typesOf(node), several: false };
  }

  private readPath(): Pick<Comparison, 'path' | 'parts'> {
    const type = this.take('word');
    if (!this.tokens.takeSign(':')) throw expected('":"', this.tokens.peek());
    const first = this.takePart();
    const written = [`${type}:${first.written}`];
    const parts = [type.toLowerCase(), first.text.toLowerCase()];
    for (;;) {
      if (this.tokens.takeSign('.')) {
        const { text, written: shown } = this.takePart();
        written.push(`.${shown}`);
        parts.push(text.toLowerCase());
      } else if (this.tokens.takeSign('[')) {
        const index = this.tokens.takeSign('*') ? '*' : this.take('number');
        if (!this.tokens.takeSign(']')) throw expected('"]"', this.tokens.peek());
        written.push(`[${index}]`);
        parts.push(`[${index}]`);
      } else {
        return { path: written.join(''), parts };
      }
    }
  }

  private takePart(): { readonly text: string; readonly written: string } {
    const token = this.tokens.next();
    if (token.kind === 'word') return { text: token.text, written: token.text };
    if (token.kind === 'text') return { text: token.text, written: `'${token.text}'` };
    throw expected('the name of a property', token);
  }

  private readOperator(): Operator {
    const token = this.tokens.next();
    const sign = token.kind === 'sign' ? SIGN_OPERATORS.get(token.text) : undefined;
    if (sign !== undefined) return sign;
    const word = token.text.toUpperCase();
    if (token.kind === 'word' && WORD_OPERATORS.has(word)) return word as Operator;
    throw expected('a comparison', token);
  }

  private readSet(): string[] {
    if (!this.tokens.takeSign('(')) throw expected('"("', this.tokens.peek());
    const values = [this.readValue()];
    while (this.tokens.takeSign(',')) values.push(this.readValue());
    if (!this.tokens.takeSign(')')) throw expected('")"', this.tokens.peek());
    return values;
  }

  private readValue(): string {
    const token = this.tokens.next();
    if (token.kind === 'text' || token.kind === 'number' || token.kind === 'time' || token.kind === 'bytes') {
      return token.text;
    }
    if (token.kind === 'word' && /^(true|false)$/i.test(token.text)) return token.text.toLowerCase();
    throw expected('a value', token);
  }

  private take(kind: Token['kind']): string {
    const token = this.tokens.next();
    if (token.kind !== kind) throw expected(`a ${kind}`, token);
    return token.text;
  }

  private takeTime(): void {
    const token = this.tokens.next();
    if (token.kind !== 'time' && token.kind !== 'text') throw expected('a time', token);
  }

  private takeUnit(word: string): void {
    if (!this.tokens.takeWord(word)) throw expected(word, this.tokens.peek());
  }

  private push(level: Expression['level']): void {
    if (this.open.length > MAX_PATTERN_NESTING) {
      throw new PatternSyntaxError(
        `brackets lie more than ${MAX_PATTERN_NESTING} deep in each other`,
        this.tokens.peek().at,
      );
    }
    this.open.push(new Expression(level, this.builder, this.id));
  }

  private top(): Expression {
    const top = this.open.at(-1);
    if (top === undefined) throw new Error('no expression is open');
    return top;
  }
}

function expected(what: string, { at }: Token): PatternSyntaxError {
  return new PatternSyntaxError(`${what} is expected`, at);
}

/** Kinds of items of one comparison's terms: a small tree. */
function typesOf(node: IocNode): Set<ItemType> {
  const types = new Set<ItemType>();
  const left: IocNode[] = [node];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next.kind === 'group') left.push(...next.children);
    else if (next.itemType !== undefined) types.add(next.itemType);
  }
  return types;
}
