import { characters } from '../../shared/characters.js';
import { ROOT_GROUP, type GroupTree } from './tree.js';

const GROUP_LIMITS = { groups: 10_000, levels: 16, name: 128 } as const;

/**
 * The rule that the name of a group breaks; undefined if it is in order. A name is part of a path, and paths are typed
 * and printed.
 */
export function groupNameProblem(name: string, parentId: string): string | undefined {
  const length = characters(name);
  if (length < 1 || length > GROUP_LIMITS.name) {
    return `must have 1 to ${GROUP_LIMITS.name} characters; it has ${length}`;
  }
  if (name.includes('/')) return 'must not hold a "/", which separates the names of a path';
  if (/\p{Cc}/u.test(name) || name.trim() !== name) {
    return 'must not hold control characters, nor begin or end with a space';
  }
  if (name === ROOT_GROUP.name && parentId === ROOT_GROUP.id) return 'is the name of the root group';
  return undefined;
}

/**
 * Why a group cannot stand below `parentId`; undefined if it can.
 * @param id of the group that moves there; undefined: a new one
 */
export function placeProblem(tree: GroupTree, id: string | undefined, parentId: string): string | undefined {
  if (id === undefined && tree.size >= GROUP_LIMITS.groups) {
    return `there are ${tree.size} groups already, which is the limit`;
  }
  const above = tree.upwards(parentId);
  if (id !== undefined && above.some((group) => group.id === id)) {
    return 'is the group itself or one below it: groups must not form a circle';
  }
  const levels = above.length - 1 + (id === undefined ? 1 : tree.height(id));
  if (levels > GROUP_LIMITS.levels) {
    return `would make ${levels} levels below the root group; at most ${GROUP_LIMITS.levels}`;
  }
  return undefined;
}
