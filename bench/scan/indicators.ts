import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScanDocument } from '../../agent/detect/scan-messages.js';

/** Indicators of one document: 10,000 would be larger than a document may be. */
const OF_DOCUMENT = 4000;

/** What an indicator asks for: all of it has to hold. */
export type Indicator = readonly { readonly term: string; readonly content: string }[];

/** Writes indicators as OpenIOC 1.0 documents, any one of which is enough. */
export function writeDocuments(
  folder: string,
  name: string,
  indicators: readonly Indicator[],
): ScanDocument[] {
  const documents: ScanDocument[] = [];
  for (let from = 0; from < indicators.length; from += OF_DOCUMENT) {
    const groups = indicators
      .slice(from, from + OF_DOCUMENT)
      .map((indicator, at) => groupOf(indicator, from + at));
    const content = documentOf(`${name}-${from}`, groups);
    const path = join(folder, `${name}-${from}.ioc`);
    writeFileSync(path, content);
    documents.push({ path, hash: createHash('sha256').update(content).digest('hex') });
  }
  return documents;
}

function documentOf(id: string, groups: readonly string[]): string {
  return (
    `<?xml version="1.0" encoding="utf-8"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="${id}">` +
    `<short_description>${id}</short_description><definition><Indicator operator="OR" id="any">` +
    `${groups.join('')}</Indicator></definition></ioc>`
  );
}

function groupOf(indicator: Indicator, id: number): string {
  const items = indicator.map(
    ({ term, content }, at) =>
      `<IndicatorItem id="${id}-${at}" condition="is"><Context document="FileItem" search="${term}" type="mir"/>` +
      `<Content type="string">${content}</Content></IndicatorItem>`,
  );
  return items.length === 1
    ? items.join('')
    : `<Indicator operator="AND" id="${id}">${items.join('')}</Indicator>`;
}
