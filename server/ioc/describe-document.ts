import { characters } from '../../shared/characters.js';
import type { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import { IocFormat } from '../../shared/gen/cordon/v1/ioc.js';
import { MAX_PROBLEMS } from '../../shared/ioc/limits.js';
import type { DocumentFormat, IocNode, IocTerm } from '../../shared/ioc/model.js';
import { parseIoc } from '../../shared/ioc/parse.js';

const LONGEST_DETAIL = 1000;

/** What the contract says of a document, but for its hash, file name, size and upload. */
export type Description = Pick<
  IocDocument,
  | 'documentId'
  | 'displayName'
  | 'description'
  | 'format'
  | 'indicatorCount'
  | 'itemTypes'
  | 'problems'
  | 'problemsOmitted'
>;

const FORMATS: Readonly<Record<DocumentFormat, IocFormat>> = {
  'openioc-1.0': IocFormat.IOC_FORMAT_OPENIOC_1_0,
  'openioc-1.1': IocFormat.IOC_FORMAT_OPENIOC_1_1,
  'stix-2.1': IocFormat.IOC_FORMAT_STIX_2_1,
};

/**
 * Reads a document and describes it. A large one takes a second or more.
 * @param fileName stands for the title where the document gives none
 * @param now milliseconds since 1970
 * @throws IocDocumentError when it cannot be used at all
 */
export function describeDocument(content: Uint8Array, fileName: string, now: number): Description {
  const { id, name, description, format, root, problems } = parseIoc(content, now);
  const terms = termsOf(root).filter(({ test }) => test.kind !== 'never');
  const shown = problems.slice(0, MAX_PROBLEMS);
  return {
    documentId: id,
    displayName: characters(name.trim()) === 0 ? fileName : name,
    description,
    format: FORMATS[format],
    indicatorCount: terms.length,
    itemTypes: [...new Set(terms.flatMap(({ itemType }) => itemType ?? []))],
    problems: shown.map(({ indicatorId, term, detail }) => ({
      indicatorId,
      term,
      detail: detail.slice(0, LONGEST_DETAIL),
    })),
    problemsOmitted: problems.length - shown.length,
  };
}

/** All terms of a tree, however deep. */
function termsOf(root: IocNode): IocTerm[] {
  const terms: IocTerm[] = [];
  const left = [root];
  for (let node = left.pop(); node; node = left.pop()) {
    if (node.kind === 'term') terms.push(node);
    else for (let at = node.children.length - 1; at >= 0; at--) left.push(node.children[at] as IocNode);
  }
  return terms;
}
