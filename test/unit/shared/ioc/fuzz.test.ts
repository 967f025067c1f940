import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IocDocumentError } from '../../../../shared/ioc/document-error.js';
import type { IocDocument, IocNode } from '../../../../shared/ioc/model.js';
import { parseIoc } from '../../../../shared/ioc/parse.js';
import { packageRoot } from '../../../../shared/package-root.js';
import { nodesOf, NOW, stixBundle, stixIndicator } from './documents.js';
import { randomNumbers, Soup } from './soup.js';

const FOLDER = join(packageRoot, '..', 'shared', 'iocs');
const INPUTS = 100_000;
const SEED = 20_261_127;

/** Longest time for one input, milliseconds. They have some kilobytes at most; pauses of the machine are in it. */
const LONGEST_MS = 3_000;

/** One indicator of each kind and a few groups of a real file, without its licence: small, so that many can be tried. */
function excerpt(text: string): string {
  const short = text.replaceAll(/<!--.*?-->/gs, '').replaceAll(/>\s+</g, '><');
  const seen = new Set<string>();
  return short.replaceAll(/<IndicatorItem .*?<\/IndicatorItem>/gs, (indicator) => {
    const term = /search="([^"]*)"/.exec(indicator)?.[1] ?? '';
    if (seen.has(term) || seen.size >= 4) return '';
    seen.add(term);
    return indicator;
  });
}

function seeds(): string[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ioc'));
  const stix = stixBundle(
    stixIndicator(
      "[file:hashes.'SHA-256' = 'aa' OR (file:name LIKE '%a' AND file:size > 5)] WITHIN 5 SECONDS",
    ),
    stixIndicator(
      "[ipv4-addr:value IN ('10.0.0.1', '10.0.0.0/8')] AND [windows-registry-key:key = 'HKLM\\\\a']",
    ),
  );
  return [...files.map((name) => excerpt(readFileSync(join(FOLDER, name), 'utf8'))), stix, stix];
}

/** What `parseIoc` promises of every tree. */
function brokenPromise({ root }: IocDocument): IocNode | undefined {
  return nodesOf(root).find((node) =>
    node.kind === 'group' ? node.children.length === 0 : node.test.kind === 'never' && node.negate,
  );
}

describe('any input', () => {
  it(`is a document or refused, and never takes long: ${INPUTS} of them`, function () {
    this.timeout(180_000);
    const soup = new Soup(randomNumbers(SEED), seeds());
    let parsed = 0;
    let longest = 0;
    const started = performance.now();
    for (let count = 0; count < INPUTS; count += 1) {
      const input = soup.next();
      const before = performance.now();
      try {
        const broken = brokenPromise(parseIoc(input, NOW));
        if (broken !== undefined) expect.fail(`a tree with ${JSON.stringify(broken)} from ${show(input)}`);
        parsed += 1;
      } catch (error) {
        if (!(error instanceof IocDocumentError)) throw new Error(`from ${show(input)}`, { cause: error });
      }
      longest = Math.max(longest, performance.now() - before);
      if (longest > LONGEST_MS) expect.fail(`${longest} ms for ${show(input)}`);
    }
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `        ${INPUTS} inputs in ${seconds.toFixed(1)} s: ${parsed} documents, ${INPUTS - parsed} refused, ` +
        `${longest.toFixed(0)} ms for the slowest`,
    );
    // Both ends of the parser were tried: neither is all refused, nor all taken.
    expect(parsed).to.be.within(INPUTS / 10, INPUTS - INPUTS / 10);
  });
});

/** Enough to try it again. */
const show = (input: Uint8Array): string => `base64 ${Buffer.from(input).toString('base64')}`;
