import sax from 'sax';
import { IocDocumentError, overLimit } from './document-error.js';
import { MAX_ATTRIBUTE_LENGTH, MAX_ATTRIBUTES, MAX_ELEMENT_DEPTH, MAX_ELEMENTS } from './limits.js';

export interface XmlElement {
  /** Without its namespace's prefix. */
  readonly name: string;
  /** By name, as written. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Line of the end of its start tag, from 1. */
  readonly line: number;
}

/** What to do with an open element. */
export interface ElementFrame {
  /** A child begins; answers what to do with it. */
  child(element: XmlElement): ElementFrame;
  /** A piece of its text. */
  text?(piece: string): void;
  /** It ends. */
  end?(line: number): void;
}

/** An element that is passed over with all that is in it. */
export const PASSED_OVER: ElementFrame = { child: () => PASSED_OVER };

/** The only entities: XML's own. */
const ENTITIES = { amp: '&', gt: '>', lt: '<', quot: '"', apos: "'" };

/** What XML 1.0 does not allow, not even as a character reference. */
// eslint-disable-next-line no-control-regex
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

/**
 * Reads well-formed XML 1.0 without a document type, and gives up at the first limit that is broken. Keeps nothing but the
 * open elements, and never calls itself, however deep they are.
 * @param root what to do with the root element
 * @throws IocDocumentError
 */
export function readXml(text: string, root: (element: XmlElement) => ElementFrame): void {
  const control = NOT_XML.exec(text);
  if (control) {
    const line = text.slice(0, control.index).split('\n').length;
    throw new IocDocumentError('malformed', 'a control character, which XML does not allow', line);
  }
  const parser = sax.parser(true, {});
  // Without a prototype: `&constructor;` is not an entity.
  parser.ENTITIES = Object.assign(Object.create(null) as object, ENTITIES);
  const line = (): number => parser.line + 1;
  const malformed = (what: string): IocDocumentError => new IocDocumentError('malformed', what, line());
  const open: ElementFrame[] = [];
  let attributes = new Map<string, string>();
  let elements = 0;
  let rootSeen = false;

  parser.onerror = (error) => {
    throw malformed(`not well-formed XML: ${error.message.split('\n', 1)[0] ?? ''}`);
  };
  parser.ondoctype = () => {
    throw malformed('a document type (DOCTYPE) is not allowed, since entities are not expanded; remove it');
  };
  parser.onsgmldeclaration = () => {
    throw malformed('not well-formed XML: a declaration outside a document type');
  };
  parser.onprocessinginstruction = ({ name, body }) => {
    if (name === 'xml') checkEncoding(body, text);
  };
  parser.onattribute = ({ name, value }) => {
    if (value.length > MAX_ATTRIBUTE_LENGTH) {
      throw overLimit(`an attribute is longer than ${MAX_ATTRIBUTE_LENGTH} characters`, line());
    }
    attributes.set(name, value);
    if (attributes.size > MAX_ATTRIBUTES) throw overLimit(`more than ${MAX_ATTRIBUTES} attributes`, line());
    // sax asks the object that it keeps attributes in for its `hasOwnProperty` when the next one comes.
    if (name === 'hasOwnProperty') delete parser.tag.attributes[name];
  };
  parser.onopentag = ({ name }) => {
    if ((elements += 1) > MAX_ELEMENTS) throw overLimit(`more than ${MAX_ELEMENTS} elements`, line());
    if (open.length >= MAX_ELEMENT_DEPTH) {
      throw overLimit(`elements lie more than ${MAX_ELEMENT_DEPTH} deep in each other`, line());
    }
    const element = { name: name.slice(name.lastIndexOf(':') + 1), attributes, line: line() };
    attributes = new Map();
    const outer = open.at(-1);
    if (outer === undefined && rootSeen) throw malformed('not well-formed XML: a second root element');
    rootSeen = true;
    open.push(outer === undefined ? root(element) : outer.child(element));
  };
  const onText = (piece: string): void => open.at(-1)?.text?.(piece);
  parser.ontext = onText;
  parser.oncdata = onText;
  parser.onclosetag = () => open.pop()?.end?.(line());

  parser.write(text).close();
  if (!rootSeen) throw malformed('not well-formed XML: there is no root element');
}

/** Everything is read as UTF-8; a document that says otherwise would be read wrongly. */
function checkEncoding(declaration: string, text: string): void {
  const encoding = /\bencoding\s*=\s*["']([^"']{0,40})/.exec(declaration)?.[1] ?? 'utf-8';
  if (/^utf-?8$/i.test(encoding)) return;
  // The first 128 characters are the same in every encoding that can be read as UTF-8 at all.
  // eslint-disable-next-line no-control-regex
  if (/^[\u0000-\u007f]*$/.test(text)) return;
  throw new IocDocumentError('encoding', `its encoding is "${encoding}"; save it as UTF-8`, 1);
}
