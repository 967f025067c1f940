import { overLimit } from './document-error.js';
import { BoundedText } from './document-text.js';
import { MAX_CONTENT_LENGTH, MAX_GROUP_DEPTH } from './limits.js';
import type { Condition, IocGroup, IocNode, TermProblem } from './model.js';
import { TreeBuilder } from './tree-builder.js';
import { PASSED_OVER, type ElementFrame, type XmlElement } from './xml.js';

/** Conditions of both versions, and whether they are the opposite of one. */
const CONDITIONS: ReadonlyMap<string, { readonly condition: Condition; readonly opposite: boolean }> =
  new Map([
    ['is', { condition: 'is', opposite: false }],
    ['isnot', { condition: 'is', opposite: true }],
    ['contains', { condition: 'contains', opposite: false }],
    ['containsnot', { condition: 'contains', opposite: true }],
    ['starts-with', { condition: 'starts-with', opposite: false }],
    ['ends-with', { condition: 'ends-with', opposite: false }],
    ['matches', { condition: 'matches', opposite: false }],
    ['greater-than', { condition: 'greater-than', opposite: false }],
    ['less-than', { condition: 'less-than', opposite: false }],
  ]);

const isTrue = (value: string | undefined): boolean => /^\s*(true|1)\s*$/i.test(value ?? '');

/** Builds the tree of an OpenIOC document from what stands in `definition` or `criteria`. */
export class OpenIocCriteria {
  private readonly builder = new TreeBuilder();
  private readonly top: IocNode[] = [];
  private depth = 0;

  /** For the element `definition` or `criteria`. */
  readonly frame: ElementFrame = { child: (element) => this.member(element, this.top) };

  get problems(): readonly TermProblem[] {
    return this.builder.problems;
  }

  /** The tree. Several groups at the top are alternatives. */
  root(): IocGroup {
    const [first, ...others] = this.top;
    if (first?.kind === 'group' && others.length === 0) return first;
    const nothing = (): IocNode => this.builder.neverAtAll('', 'Indicator', 'The document has no indicator.');
    return this.builder.group('', 'OR', first === undefined ? [nothing()] : this.top);
  }

  private member(element: XmlElement, into: IocNode[]): ElementFrame {
    if (element.name === 'Indicator') return this.openGroup(element, into);
    return element.name === 'IndicatorItem' ? this.openItem(element, into) : PASSED_OVER;
  }

  private openGroup({ attributes, line }: XmlElement, into: IocNode[]): ElementFrame {
    const id = attributes.get('id') ?? '';
    const operator = attributes.get('operator')?.trim().toUpperCase();
    if (operator !== 'AND' && operator !== 'OR') {
      const detail = 'The group has an operator that is neither AND nor OR: nothing in it counts.';
      into.push(this.builder.neverAtAll(id, 'Indicator', detail, line));
      return PASSED_OVER;
    }
    if ((this.depth += 1) > MAX_GROUP_DEPTH) {
      throw overLimit(`groups lie more than ${MAX_GROUP_DEPTH} deep in each other`, line);
    }
    const children: IocNode[] = [];
    into.push(this.builder.group(id, operator, children, line));
    return {
      child: (element) => this.member(element, children),
      end: (endLine) => {
        this.depth -= 1;
        if (children.length > 0) return;
        children.push(this.builder.neverAtAll(id, 'Indicator', 'The group is empty.', endLine));
      },
    };
  }

  private openItem({ attributes }: XmlElement, into: IocNode[]): ElementFrame {
    const content = new BoundedText(MAX_CONTENT_LENGTH + 1);
    let term = '';
    return {
      child: (element) => {
        if (element.name === 'Context') term = element.attributes.get('search')?.trim() ?? '';
        if (element.name !== 'Content') return PASSED_OVER;
        return { child: () => PASSED_OVER, text: (piece) => content.add(piece) };
      },
      end: (line) => into.push(this.makeTerm(attributes, term, content.toString(), line)),
    };
  }

  private makeTerm(
    attributes: ReadonlyMap<string, string>,
    term: string,
    content: string,
    line: number,
  ): IocNode {
    const name = attributes.get('condition')?.trim().toLowerCase() ?? '';
    const known = CONDITIONS.get(name);
    const written = {
      id: attributes.get('id') ?? '',
      term,
      condition: known?.condition ?? 'is',
      // Twice negated is not negated.
      negate: isTrue(attributes.get('negate')) !== (known?.opposite ?? false),
      content,
      preserveCase: isTrue(attributes.get('preserve-case')),
    };
    if (term === '') return this.builder.never(written, 'The indicator does not say what to look at.', line);
    if (known !== undefined) return this.builder.term(written, line);
    return this.builder.never(written, `OpenIOC has no condition "${name.slice(0, 40)}".`, line);
  }
}
