import { IocDocumentError, overLimit } from '../document-error.js';
import { documentId, shortened } from '../document-text.js';
import { MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH, MAX_STIX_OBJECTS } from '../limits.js';
import type { IocDocument, IocNode } from '../model.js';
import { TreeBuilder } from '../tree-builder.js';
import { readJson } from './json.js';
import { readPattern } from './pattern.js';
import { PatternSyntaxError } from './tokens.js';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads the indicators of a STIX 2.1 bundle, or a single one. Several are alternatives. An indicator that is revoked, no
 * longer valid, or whose pattern cannot be read counts as no match; one whose time has not begun yet counts. A document with
 * one indicator has that one's id and title, another one the bundle's id.
 * @param now milliseconds since 1970 UTC
 * @throws IocDocumentError when there is no indicator at all, or none has a pattern that can be read
 */
export function parseStix(text: string, now: number): IocDocument {
  const object = asObject(readJson(text)) ?? {};
  const indicators = indicatorsOf(object);
  const [first] = indicators;
  if (first === undefined) {
    throw new IocDocumentError('malformed', 'the bundle has no object of type "indicator"');
  }
  const builder = new TreeBuilder();
  const nodes = indicators.map((indicator) => indicatorNode(builder, indicator, now));
  const readable = nodes.some(({ unreadable }) => unreadable === undefined);
  if (!readable) throw new IocDocumentError('malformed', nodes[0]?.unreadable ?? 'there is no pattern');
  const id = stringOf(indicators.length === 1 ? first.id : object.id);
  return {
    id: documentId(id),
    name: shortened(titleOf(first, indicators.length), MAX_NAME_LENGTH),
    description: shortened(stringOf(first.description), MAX_DESCRIPTION_LENGTH),
    format: 'stix-2.1',
    root: builder.group(
      id,
      'OR',
      nodes.map(({ node }) => node),
    ),
    problems: builder.problems,
  };
}

/** Objects of type `indicator`, whether the document is a bundle or one of them. */
function indicatorsOf(object: JsonObject): readonly JsonObject[] {
  if (object.type === 'indicator') return [object];
  if (object.type !== 'bundle') {
    const message = 'the JSON is neither a STIX "bundle" nor an "indicator"';
    throw new IocDocumentError('format', message);
  }
  const objects: readonly unknown[] = Array.isArray(object.objects) ? object.objects : [];
  if (objects.length > MAX_STIX_OBJECTS) throw overLimit(`more than ${MAX_STIX_OBJECTS} objects`);
  return objects.map(asObject).filter((member) => member?.type === 'indicator') as readonly JsonObject[];
}

function titleOf(indicator: JsonObject, count: number): string {
  const title = stringOf(indicator.name) || stringOf(indicator.id);
  return count === 1 ? title : `${shortened(title, MAX_NAME_LENGTH - 30)} and ${count - 1} more`;
}

interface IndicatorNode {
  readonly node: IocNode;
  /** Why its pattern cannot be read; undefined: it can. */
  readonly unreadable?: string;
}

function indicatorNode(builder: TreeBuilder, indicator: JsonObject, now: number): IndicatorNode {
  const id = stringOf(indicator.id);
  const reason = whyUnused(indicator, now);
  if (reason !== undefined) return { node: builder.neverAtAll(id, 'indicator', reason) };
  if (stringOf(indicator.pattern_type) !== 'stix') {
    const other = stringOf(indicator.pattern_type).slice(0, 40);
    const unreadable = `Its pattern is of type "${other}"; only "stix" can be read.`;
    return { node: builder.neverAtAll(id, 'pattern', unreadable), unreadable };
  }
  try {
    return { node: readPattern(stringOf(indicator.pattern), builder, id) };
  } catch (error) {
    if (!(error instanceof PatternSyntaxError)) throw error;
    return { node: builder.neverAtAll(id, 'pattern', error.message), unreadable: error.message };
  }
}

function whyUnused({ revoked, valid_until }: JsonObject, now: number): string | undefined {
  if (revoked === true) return 'The indicator is revoked.';
  if (valid_until === undefined) return undefined;
  const until = Date.parse(stringOf(valid_until));
  if (Number.isNaN(until)) return 'It does not say readably until when the indicator is valid.';
  return until <= now ? `The indicator is valid until ${new Date(until).toISOString()}.` : undefined;
}

function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '');
