import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { z } from 'zod';
import { yamlProblem } from '../../shared/config/yaml-problem.js';
import { CliError, ExitCode } from '../exit.js';

/** Longest file that is read, characters: 10000 exclusions take about 3 million. */
const LONGEST = 16 * 1024 * 1024;

/** Problems that one message names; the rest is counted. */
const MOST_PROBLEMS = 5;

/**
 * Reads a document and checks it.
 * @param name of the file, for messages
 * @throws CliError that names each problem with its path and line
 */
export function readDocument<Schema extends z.ZodType>(
  text: string,
  name: string,
  schema: Schema,
): z.output<Schema> {
  if (text.length > LONGEST) throw refused(name, [`is longer than ${LONGEST} characters`]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken) throw refused(name, [`is neither YAML nor JSON: ${yamlProblem(broken)}`]);
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    throw refused(name, [yamlProblem(error)]);
  }
  const result = schema.safeParse(content ?? {});
  if (result.success) return result.data;
  throw refused(
    name,
    result.error.issues.map((issue) => problem(issue, document, lines)),
  );
}

function refused(name: string, problems: readonly string[]): CliError {
  const shown = problems.slice(0, MOST_PROBLEMS).join('; ');
  const more = problems.length > MOST_PROBLEMS ? `; and ${problems.length - MOST_PROBLEMS} more` : '';
  return new CliError(ExitCode.USAGE, `${name}: ${shown}${more}`, 'correct the file and try again');
}

/** `policy.exclusions[2].remote_ports (line 14): the rule`. */
function problem(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): string {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const line = lineOf(document, path, lines);
  const where = [pathText(path), line === undefined ? '' : `(line ${line})`].filter(Boolean).join(' ');
  const rule = unknown === undefined ? issue.message : 'is not a key that is known here';
  return where === '' ? rule : `${where}: ${rule}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

/** Line of what a path leads to, or of the innermost thing around it that is in the file. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const start = startOf(document, path.slice(0, depth));
    if (start !== undefined) return lines.linePos(start).line;
  }
  return undefined;
}

function startOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  const key = path.at(-1);
  const parent: unknown = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  // The line of a key, not that of the block below it.
  if (typeof key === 'string' && isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
    return (pair?.key as Node | undefined)?.range?.[0];
  }
  return (document.getIn(path, true) as Node | undefined)?.range?.[0];
}
