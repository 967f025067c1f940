import type { IocNode, ItemType } from '../model.js';
import type { TreeBuilder } from '../tree-builder.js';

/** A part of a pattern that is read. */
export interface Operand {
  readonly node: IocNode;
  /** Kinds of items that its terms ask for. */
  readonly types: ReadonlySet<ItemType>;
  /** It needs several observations together. */
  readonly several: boolean;
}

export type Joint = 'AND' | 'OR' | 'FOLLOWEDBY';

/**
 * What stands between two brackets, operand by operand. AND binds closer than OR, and OR closer than FOLLOWEDBY.
 */
export class Expression {
  /** Alternatives, each of which needs all its operands. */
  private readonly alternatives: Operand[][] = [[]];
  private followed = false;

  /** @param level `observation`: its operands are observations, each of which has an item of its own */
  constructor(
    readonly level: 'observation' | 'comparison',
    private readonly builder: TreeBuilder,
    private readonly id: string,
  ) {}

  add(operand: Operand): void {
    this.alternatives.at(-1)?.push(operand);
  }

  /** Takes the last operand back. */
  takeLast(): Operand | undefined {
    return this.alternatives.at(-1)?.pop();
  }

  joint(joint: Joint): void {
    if (joint === 'FOLLOWEDBY') this.followed = true;
    if (joint !== 'AND') this.alternatives.push([]);
  }

  /** The whole, when its bracket is closed. */
  close(): Operand {
    const types = new Set(this.alternatives.flat().flatMap((operand) => [...operand.types]));
    if (this.followed) {
      const detail = 'A scan sees things at one time and cannot tell what followed what.';
      return { node: this.builder.neverAtAll(this.id, 'FOLLOWEDBY', detail), types, several: true };
    }
    const several =
      this.level === 'observation' &&
      this.alternatives.some(
        (operands) => operands.length > 1 || operands.some((operand) => operand.several),
      );
    const nodes = this.alternatives.map((operands) => this.all(operands));
    return { node: this.builder.join(this.id, 'OR', nodes), types, several };
  }

  private all(operands: readonly Operand[]): IocNode {
    const twice = this.level === 'observation' ? soleTypeTwice(operands) : undefined;
    if (twice !== undefined) {
      const detail = `A match has one item of each kind, and several observations need a ${twice} of their own.`;
      return this.builder.neverAtAll(this.id, 'AND', detail);
    }
    return this.builder.join(
      this.id,
      'AND',
      operands.map(({ node }) => node),
    );
  }
}

/** A kind of items that is the only one for two of the operands. */
function soleTypeTwice(operands: readonly Operand[]): ItemType | undefined {
  const seen = new Set<ItemType>();
  for (const { types } of operands) {
    const [only] = types;
    if (only === undefined || types.size > 1) continue;
    if (seen.has(only)) return only;
    seen.add(only);
  }
  return undefined;
}
