import { expect } from 'chai';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createHash, randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { protection } from '../../../agent/detect/quarantine/protected.js';
import { Quarantine } from '../../../agent/detect/quarantine/quarantine.js';
import { systemClock } from '../../../shared/clock.js';
import { holdFile, setAttributes } from './hold-file.js';

const HOME = 'C:\\Quarantine Tests';
const FILE_ATTRIBUTE_READONLY = 1;
const CONTENT = 'evil content';

describe('the quarantine on Windows', () => {
  const dataDir = join(HOME, 'data');
  const open = (): Quarantine =>
    new Quarantine({
      dataDir,
      clock: systemClock,
      protects: protection({ platform: 'win32', ownPaths: [dataDir] }),
    });
  const file = (path: string): string => {
    const whole = join(HOME, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, CONTENT);
    return whole;
  };
  const add = (quarantine: Quarantine, path: string, content = CONTENT) =>
    quarantine.add({
      id: randomUUID(),
      path,
      reason: 'a test',
      hashes: { sha256: createHash('sha256').update(content).digest('hex') },
    });
  const messageOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'it worked',
      (error: Error) => error.message,
    );

  beforeEach(() => mkdirSync(dataDir, { recursive: true }));
  afterEach(() => rmSync(HOME, { recursive: true, force: true }));

  for (const [title, path] of [
    ['an ordinary path', 'some folder\\evil.exe'],
    ['a path of more than 260 characters', `${'a long name of a folder\\'.repeat(15)}evil.exe`],
    ['a name that others take for a device', 'devices\\NUL'],
    ['a name in other letters', 'ordner\\böse 邪悪.exe'],
  ] as const) {
    it(`takes a file of ${title}, and puts it back as it was`, async () => {
      const whole = file(path);
      const written = new Date(Date.UTC(2020, 1, 2, 3, 4, 5));
      utimesSync(whole, written, written);
      const { id } = await add(open(), whole);
      expect(existsSync(whole)).to.equal(false);
      // Another process of the agent finds it; nothing in its folder is the file as it was.
      const again = open();
      expect(again.list().map((record) => record.path)).to.deep.equal([whole]);
      const held = readFileSync(join(dataDir, 'quarantine', `${id}.bin`));
      expect(held.includes(CONTENT)).to.equal(false);
      await again.restore(id);
      expect(readFileSync(whole, 'utf8')).to.equal(CONTENT);
      expect(statSync(whole).mtimeMs).to.equal(written.getTime());
      expect(again.list()).to.deep.equal([]);
    });
  }

  it('takes a file that is marked as read-only, by a path in another case', async () => {
    const whole = file('folder\\evil.exe');
    await setAttributes(whole, FILE_ATTRIBUTE_READONLY);
    await add(open(), whole.toUpperCase());
    expect(existsSync(whole)).to.equal(false);
  });

  it('leaves a file that another program holds, or that is another by now, where it is', async () => {
    const whole = file('folder\\evil.exe');
    const letGo = await holdFile(whole);
    expect(await messageOf(add(open(), whole))).to.match(/EBUSY/);
    letGo();
    expect(await messageOf(add(open(), whole, 'other content'))).to.contain('not what matched');
    expect(readFileSync(whole, 'utf8')).to.equal(CONTENT);
    expect(open().list()).to.deep.equal([]);
    expect(await messageOf(add(open(), whole))).to.equal('it worked');
  });

  it('does not touch what Windows or the agent need, in any case', async () => {
    const own = file('data\\state.json');
    for (const path of [
      'C:\\windows\\system32\\ntdll.dll',
      'c:\\WINDOWS\\System32\\KERNEL32.DLL',
      own.toUpperCase(),
    ]) {
      const content = readFileSync(path);
      expect(await messageOf(add(open(), path)), path).to.match(
        /does not run without it|belongs to the agent/,
      );
      expect(readFileSync(path).equals(content)).to.equal(true);
    }
  });
});
