import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An OpenIOC document that looks for files with any of these contents, by their SHA-256. */
export function documentFor(title: string, contents: readonly string[]): string {
  const items = contents.map(
    (content) => `
      <IndicatorItem id="${randomUUID()}" condition="is" preserve-case="false" negate="false">
        <Context document="FileItem" search="FileItem/Sha256sum" type="mir"/>
        <Content type="sha256">${createHash('sha256').update(content).digest('hex')}</Content>
      </IndicatorItem>`,
  );
  const now = '2026-11-27T00:00:00Z';
  return `<?xml version="1.0" encoding="utf-8"?>
<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="${randomUUID()}" last-modified="${now}" published-date="${now}">
  <metadata><short_description>${title}</short_description><authored_date>${now}</authored_date></metadata>
  <criteria>
    <Indicator id="${randomUUID()}" operator="OR">${items.join('')}
    </Indicator>
  </criteria>
</OpenIOC>
`;
}

/** A folder of files that nobody looks for. */
export function plantHarmless(folder: string, files: number, bytes = 20): void {
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < files; n += 1) {
    writeFileSync(join(folder, `file-${String(n).padStart(5, '0')}`), `${n}`.padEnd(bytes, '.'));
  }
}
