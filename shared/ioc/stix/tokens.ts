/** A piece of a STIX pattern. */
export type Token =
  /** Also keywords and parts of object paths. */
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  | { readonly kind: 'time'; readonly text: string; readonly at: number }
  /** `h'..'` and `b'..'`. */
  | { readonly kind: 'bytes'; readonly text: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number };

/** A pattern against the grammar of STIX 2.1, part 9. */
export class PatternSyntaxError extends Error {
  constructor(what: string, at: number) {
    super(`The pattern is not STIX at character ${at + 1}: ${what}.`);
  }
}

const SPACE = /\s+/y;
const LINE_COMMENT = /\/\/[^\r\n]*/y;
const OPENING_QUOTE = /([thb]?)'/y;
const WORD = /[a-zA-Z_][a-zA-Z0-9_-]*/y;
const NUMBER = /[+-]?\d+(?:\.\d+)?/y;
const SIGN = /<=|>=|!=|==|<>|[[\]().,:=<>*]/y;

/** Most texts are shorter: longer ones are looked through in pieces of so many characters. */
const CHUNK = 4096;

/** Parts a pattern into tokens, one at a time. */
export class Tokens {
  private at = 0;
  private ahead: Token | undefined;

  constructor(private readonly pattern: string) {}

  /** The next token, which stays. */
  peek(): Token {
    this.ahead ??= this.read();
    return this.ahead;
  }

  next(): Token {
    const token = this.peek();
    this.ahead = undefined;
    return token;
  }

  /** Takes the next token if it is this sign. */
  takeSign(sign: string): boolean {
    const token = this.peek();
    if (token.kind !== 'sign' || token.text !== sign) return false;
    this.ahead = undefined;
    return true;
  }

  /** Takes the next token if it is this keyword, whatever its case. */
  takeWord(word: string): boolean {
    const token = this.peek();
    if (token.kind !== 'word' || token.text.toUpperCase() !== word) return false;
    this.ahead = undefined;
    return true;
  }

  private read(): Token {
    this.skipSpace();
    const at = this.at;
    if (at >= this.pattern.length) return { kind: 'end', text: '', at };
    const quote = this.match(OPENING_QUOTE);
    if (quote) {
      const kind = quote[1] === '' ? 'text' : quote[1] === 't' ? 'time' : 'bytes';
      return { kind, text: this.restOfText(at), at };
    }
    const word = this.match(WORD);
    if (word) return { kind: 'word', text: word[0], at };
    const number = this.match(NUMBER);
    if (number) return { kind: 'number', text: number[0], at };
    const sign = this.match(SIGN);
    if (sign) return { kind: 'sign', text: sign[0], at };
    throw new PatternSyntaxError('there is a character that means nothing here', at);
  }

  private skipSpace(): void {
    for (;;) {
      if (this.match(SPACE) || this.match(LINE_COMMENT)) continue;
      if (!this.pattern.startsWith('/*', this.at)) return;
      const end = this.pattern.indexOf('*/', this.at + 2);
      if (end < 0) throw new PatternSyntaxError('a comment does not end', this.at);
      this.at = end + 2;
    }
  }

  /** What is left of a quoted text, by hand: an expression would need stack for every character. */
  private restOfText(start: number): string {
    const pieces: string[] = [];
    let from = this.at;
    for (;;) {
      const end = this.pattern.slice(from, from + CHUNK).search(/['\\]/);
      if (end < 0 && from + CHUNK >= this.pattern.length) {
        throw new PatternSyntaxError('a quoted text does not end', start);
      }
      const until = end < 0 ? from + CHUNK : from + end;
      pieces.push(this.pattern.slice(from, until));
      from = until;
      if (end < 0) continue;
      if (this.pattern[until] === "'") break;
      pieces.push(this.pattern.charAt(until + 1));
      from += 2;
    }
    this.at = from + 1;
    return pieces.join('');
  }

  private match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const match = expression.exec(this.pattern);
    if (match) this.at = expression.lastIndex;
    return match;
  }
}
