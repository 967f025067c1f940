/**
 * What an indicator document may take. A document beyond a limit that is called hard is refused as a whole; other limits make
 * single terms count as no match. All hold for both languages.
 */

/** Largest document, bytes. Hard. */
export const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;

/** All documents of one task together, bytes. */
export const MAX_TASK_BYTES = 10 * 1024 * 1024;

/** Groups within groups. Hard. Nobody writes more than some ten by hand. */
export const MAX_GROUP_DEPTH = 1000;

/** Parentheses within parentheses in a STIX pattern, each of which may become a group in a group. Beyond it: no match. */
export const MAX_PATTERN_NESTING = MAX_GROUP_DEPTH / 2 - 10;

/** XML elements within elements: the groups, what stands around them, and what is not known. Hard. */
export const MAX_ELEMENT_DEPTH = MAX_GROUP_DEPTH + 50;

/** Objects and lists within each other in JSON. Hard. */
export const MAX_JSON_DEPTH = 100;

/** XML elements of one document, known or not. Hard. */
export const MAX_ELEMENTS = 250_000;

/** Attributes of one XML element. Hard. */
export const MAX_ATTRIBUTES = 64;

/** An attribute's value, UTF-16 code units. Hard. */
export const MAX_ATTRIBUTE_LENGTH = 4096;

/** Terms of one document. Hard. A STIX comparison may become several. */
export const MAX_TERMS = 50_000;

/** Groups of one document. Hard. */
export const MAX_GROUPS = 20_000;

/** STIX objects in one bundle. Hard. */
export const MAX_STIX_OBJECTS = 20_000;

/** The id that a document gives itself, UTF-16 code units. Hard. */
export const MAX_DOCUMENT_ID_LENGTH = 256;

/** Ids of groups and terms are cut after so many UTF-16 code units. */
export const MAX_NODE_ID_LENGTH = 128;

/** Names of terms that are not known are cut after so many UTF-16 code units. */
export const MAX_TERM_LENGTH = 256;

/** What a term asks for, UTF-16 code units. Longer: the term counts as no match. */
export const MAX_CONTENT_LENGTH = 16_384;

/** Title of a document, characters; longer ones are cut. */
export const MAX_NAME_LENGTH = 256;

/** Description of a document, characters; longer ones are cut. */
export const MAX_DESCRIPTION_LENGTH = 4000;

/** A regular expression, UTF-16 code units. Longer: the term counts as no match. */
export const MAX_PATTERN_LENGTH = 2048;

/** Instructions of one compiled regular expression: a match costs so many steps a character at most. More: no match. */
export const MAX_PATTERN_SIZE = 2000;

/** Instructions of all regular expressions of one document. Those beyond it count as no match. */
export const MAX_DOCUMENT_PATTERN_SIZE = 40_000;

/** Problems of one document that are told; the contract's limit. */
export const MAX_PROBLEMS = 1000;
