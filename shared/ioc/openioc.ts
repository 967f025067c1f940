import { IocDocumentError } from './document-error.js';
import { BoundedText, documentId, shortened } from './document-text.js';
import { MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH } from './limits.js';
import type { DocumentFormat, IocDocument } from './model.js';
import { OpenIocCriteria } from './openioc-criteria.js';
import { PASSED_OVER, readXml, type ElementFrame, type XmlElement } from './xml.js';

const FORMATS: ReadonlyMap<string, DocumentFormat> = new Map([
  ['ioc', 'openioc-1.0'],
  ['OpenIOC', 'openioc-1.1'],
]);

/**
 * Reads an OpenIOC document, version 1.0 or 1.1, with or without namespaces. What the schema does not know is passed over,
 * and the metadata may stand at the root (1.0) or in `metadata` (1.1). `parameters` mean nothing to a match and are passed
 * over too.
 * @throws IocDocumentError
 */
export function parseOpenIoc(text: string): IocDocument {
  const name = new BoundedText(4 * MAX_NAME_LENGTH);
  const description = new BoundedText(2 * MAX_DESCRIPTION_LENGTH);
  const criteria = new OpenIocCriteria();
  let format: DocumentFormat | undefined;
  let id = '';
  let hasCriteria = false;

  const keep = (target: BoundedText): ElementFrame => ({
    child: () => PASSED_OVER,
    text: (piece) => target.add(piece),
  });
  const metadata = (element: XmlElement): ElementFrame => {
    if (element.name === 'short_description') return keep(name);
    return element.name === 'description' ? keep(description) : PASSED_OVER;
  };
  const inRoot = (element: XmlElement): ElementFrame => {
    if (element.name === 'metadata') return { child: metadata };
    if (element.name !== 'definition' && element.name !== 'criteria') return metadata(element);
    hasCriteria = true;
    return criteria.frame;
  };

  readXml(text, (root) => {
    format = FORMATS.get(root.name);
    if (format === undefined) {
      const shown = root.name.slice(0, 60);
      const message = `the root element is "${shown}"; OpenIOC's is "ioc" (1.0) or "OpenIOC" (1.1)`;
      throw new IocDocumentError('format', message, root.line);
    }
    id = documentId(root.attributes.get('id') ?? '', root.line);
    return { child: inRoot };
  });

  if (format === undefined || !hasCriteria) {
    const message =
      'the document has neither "definition" (1.0) nor "criteria" (1.1): there is nothing to look for';
    throw new IocDocumentError('malformed', message);
  }
  return {
    id,
    name: shortened(name.toString(), MAX_NAME_LENGTH),
    description: shortened(description.toString(), MAX_DESCRIPTION_LENGTH),
    format,
    root: criteria.root(),
    problems: criteria.problems,
  };
}
