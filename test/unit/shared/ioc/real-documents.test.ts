import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseIoc } from '../../../../shared/ioc/parse.js';
import { packageRoot } from '../../../../shared/package-root.js';
import { groupsIn, termsIn } from './documents.js';

/** Thirteen published files, which lie beside the project. */
const FOLDER = join(packageRoot, '..', 'shared', 'iocs');

const STRINGS = 'FileItem/StringList/string';

/** Id, title, terms, groups, and the terms that no device can look at. */
const EXPECTED: readonly (readonly [string, string, number, number, readonly string[]])[] = [
  ['0ae061d7-c624-4a84-8adf-00281b97797b', 'DEMONSTRATING HUSTLE - APT18 (BLOG)', 5, 2, []],
  ['0b879284-0c37-4bfa-9dd8-34505a9c5175', 'PYTHON SHELLCODE (DOWNLOADER)', 3, 1, []],
  ['0ff58bf9-1c07-42f6-b135-b18c139f631a', 'APT28 DOMAINS (REPORT)', 14, 1, []],
  ['113e561e-60d2-48db-979d-02f207550125', 'RAZOR BLADES IN THE CANDY JAR (BLOG)', 16, 1, []],
  ['2384c8ce-6eca-4d06-8aa4-151b53d9a6bc', 'DARWIN (BLOGPOST)', 25, 7, ['Email/From']],
  ['4fdb0f45-8151-4941-a9e1-a31e21000659', 'ADS GONE BAD (BLOG)', 38, 4, []],
  ['60a6de64-7308-4af1-9003-dc23a73fdf01', 'REVETON (BLOG)', 5, 1, []],
  ['62f65dae-9475-44b0-a9eb-c1baebbd9885', 'DEMONSTRATING HUSTLE - APT3 (BLOG)', 7, 1, []],
  ['9cee306d-5441-4cd3-932d-f3119752634c', 'IRONGATE (FAMILY)', 24, 4, []],
  ['a438caeb-96dd-4225-853c-fc5910980961', 'OLDBAIT (REPORT)', 3, 1, []],
  [
    'db0b6ac6-874a-498e-892b-ac7c2020e061',
    'OPERATION DOUBLE TAP (BLOG)',
    30,
    3,
    [
      STRINGS,
      STRINGS,
      STRINGS,
      STRINGS,
      'TaskItem/ActionList/Action/ExecProgramPath',
      'TaskItem/Name',
      'TaskItem/TriggerList/Trigger/TriggerFrequency',
      'TaskItem/AccountName',
    ],
  ],
  [
    'e1cbf7ca-4938-4d3c-a7e6-3ff966516191',
    'SOURFACE (REPORT)',
    40,
    9,
    ['ProcessItem/SectionList/MemorySection/PEInfo/Exports/DllName'],
  ],
  ['fb0699e2-23a6-40f9-bf96-4514d629eec3', 'HACKING THE STREET (REPORT)', 12, 2, []],
];

describe('published OpenIOC files', () => {
  it('are all there and all expected', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ioc'));
    expect(files.sort()).to.deep.equal(EXPECTED.map(([id]) => `${id}.ioc`));
  });

  for (const [id, name, terms, groups, unknown] of EXPECTED) {
    it(`${name} parses; of its ${terms} terms ${unknown.length} are not known`, () => {
      const document = parseIoc(readFileSync(join(FOLDER, `${id}.ioc`)));
      expect(document).to.include({ id, name, format: 'openioc-1.0' });
      expect(document.description).to.not.equal('');
      expect(termsIn(document)).to.have.length(terms);
      expect(groupsIn(document)).to.have.length(groups);
      expect(document.problems.map(({ term }) => term)).to.deep.equal(unknown);
      const never = termsIn(document).filter(({ test }) => test.kind === 'never');
      expect(never.map(({ term }) => term)).to.deep.equal(unknown);
    });
  }
});
