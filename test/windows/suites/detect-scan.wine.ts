import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { windowsFacts } from '../../../agent/detect/files/windows-facts.js';
import { runScan } from '../../../agent/detect/process/run-scan.js';
import type { ScanMatch } from '../../../agent/detect/scan-messages.js';
import type { IocScanResult } from '../../../shared/gen/cordon/v1/command.js';
import { IocScanSettings, ScanArea } from '../../../shared/gen/cordon/v1/ioc.js';
import { holdFile, setAttributes } from './hold-file.js';
import { registryText, registryWriter } from './write-registry.js';

const HOME = 'C:\\Scan Tests';
const TREE = `${HOME}\\Tree`;
const ARCHIVE_HIDDEN = 0x22;

type Asked = readonly [term: string, content: string, condition?: string];

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

/** Makes a file with its folders, by a path below the tree. @returns its path */
function file(path: string, content: string): string {
  const whole = join(TREE, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content);
  return whole;
}

/** Junctions and other links are not among it: Wine neither makes them nor shows those of Linux. `scan-junctions` checks them. */
describe('a scan on Windows', () => {
  const documents: { hash: string; path: string }[] = [];

  beforeEach(() => mkdirSync(TREE, { recursive: true }));
  afterEach(() => {
    documents.splice(0);
    rmSync(HOME, { recursive: true, force: true });
  });

  const document = (id: string, operator: 'AND' | 'OR', asked: readonly Asked[]): void => {
    const items = asked.map(
      ([term, content, condition = 'is']) =>
        `<IndicatorItem id="${term}" condition="${condition}"><Context document="${term.split('/', 1)[0]}" search="${term}" type="mir"/><Content type="string">${content}</Content></IndicatorItem>`,
    );
    const text = `<?xml version="1.0"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="${id}"><short_description>${id}</short_description><definition><Indicator operator="${operator}" id="r">${items.join('')}</Indicator></definition></ioc>`;
    const path = join(HOME, `${id}.ioc`);
    writeFileSync(path, text);
    documents.push({ hash: sha256(text), path });
  };

  const scan = async (
    settings: Partial<IocScanSettings> = {},
  ): Promise<{
    matches: ScanMatch[];
    files: (string | undefined)[];
    result: IocScanResult;
    told: string[];
  }> => {
    const matches: ScanMatch[] = [];
    let result: IocScanResult | undefined;
    let failed = '';
    const running = runScan(
      {
        scanId: 'scan',
        documents,
        settings: IocScanSettings.fromPartial({
          area: ScanArea.SCAN_AREA_FOLDERS,
          folders: [TREE],
          cpuPercent: 100,
          ...settings,
        }),
        ownPaths: [],
        checkpoint: undefined,
      },
      (event) => {
        if (event.kind === 'match') {
          matches.push(event.match);
          setImmediate(() => running.control({ kind: 'acknowledge' }));
        } else if (event.kind === 'done') result = event.result;
        else if (event.kind === 'failed') failed = event.detail;
      },
      () => {
        failed = 'nobody acknowledged';
      },
    );
    await running.ended;
    if (result === undefined) throw new Error(failed);
    const told = result.problems.map(({ subject, detail }) => `${subject} ${detail}`);
    return { matches, files: matches.map((match) => match.file).sort(), result, told };
  };

  it('matches a document through a key of the registry and a file', async () => {
    const evil = file('folder\\evil.bin', 'evil content');
    file('folder\\good.bin', 'good content');
    const writer = await registryWriter();
    const key = 'Software\\Microsoft\\Windows\\CurrentVersion\\ACID';
    writer.set('HKLM', key, 'payload', 1, registryText(evil));
    const both = (hash: string, place: string, id: string): void =>
      document(id, 'AND', [
        ['RegistryItem/Path', place, 'contains'],
        ['FileItem/Sha256sum', hash],
      ]);
    both(sha256('evil content'), key, 'both');
    both(sha256('evil contents'), key, 'other hash');
    both(sha256('evil content'), `${key}2`, 'other key');
    const { matches, files, told } = await scan();
    expect(matches.map(({ documentId }) => documentId)).to.deep.equal(['both']);
    expect(files).to.deep.equal([evil]);
    expect(matches[0]?.items.map(({ itemType }) => itemType).sort()).to.deep.equal([
      'FileItem',
      'RegistryItem',
    ]);
    expect(told).to.deep.equal([]);
  });

  it('tells of a file what only Windows knows, and misses what is nearly that', async () => {
    const hidden = file('a\\Hidden.TXT', 'x');
    file('a\\shown.txt', 'x');
    await setAttributes(hidden, ARCHIVE_HIDDEN);
    const { username } = userInfo();
    for (const [id, term, content, condition] of [
      ['attributes', 'FileAttributes', 'Hidden', 'contains'],
      ['other attributes', 'FileAttributes', 'Hidden System', 'contains'],
      ['drive', 'Drive', 'C', 'is'],
      ['other drive', 'Drive', 'Z', 'is'],
      ['owner', 'Username', username, 'is'],
      ['other owner', 'Username', `${username}x`, 'is'],
      ['SID', 'SecurityID', 'S-1-5-21-', 'contains'],
      ['other SID', 'SecurityID', 'S-1-5-22-', 'contains'],
      ['path', 'FullPath', hidden.toUpperCase(), 'is'],
      ['other path', 'FullPath', `${hidden}x`, 'is'],
      ['folder', 'FilePath', `${TREE}\\a`, 'is'],
      ['other folder', 'FilePath', TREE.slice(0, -1), 'is'],
      ['extension', 'FileExtension', 'txt', 'is'],
      ['other extension', 'FileExtension', '.txt', 'is'],
    ] as const) {
      document(id, 'AND', [
        ['FileItem/FileName', 'hidden.txt'],
        [`FileItem/${term}`, content, condition],
      ]);
    }
    const { matches, result, told } = await scan();
    expect(told).to.deep.equal([]);
    expect(matches.map(({ documentId }) => documentId).sort()).to.deep.equal(
      ['SID', 'attributes', 'drive', 'extension', 'folder', 'owner', 'path'].sort(),
    );
    expect(result.collectors.find(({ itemType }) => itemType === 'FileItem')?.unavailableTerms).to.deep.equal(
      [],
    );
  });

  it('comes to files whose path is longer than 260 characters, and to names that others take for devices', async () => {
    const deep = Array.from({ length: 12 }, (_, at) => `folder number ${at} with a long name`).join('\\');
    const found = [
      file(`${deep}\\evil ünïcode 邪悪.bin`, 'evil content'),
      ...['NUL', 'aux.txt', 'com1', 'PRN.log'].map((name) => file(`devices\\${name}`, 'evil content')),
    ];
    expect(found[0]?.length).to.be.greaterThan(400);
    file(`${deep}\\good.bin`, 'good content');
    document('hash', 'OR', [['FileItem/Sha256sum', sha256('evil content')]]);
    const { files, told } = await scan();
    expect(told).to.deep.equal([]);
    expect(files).to.deep.equal(found.sort());
  });

  it('leaves out what is excluded, however it is written', async () => {
    const kept = file('kept\\evil.bin', 'evil content');
    for (const folder of ['One', 'Two words', 'Three', 'four\\deep'])
      file(`${folder}\\evil.bin`, 'evil content');
    document('hash', 'OR', [['FileItem/Sha256sum', sha256('evil content')]]);
    const { files } = await scan({
      excludedPaths: [
        `${TREE}\\ONE`.toLowerCase(),
        `${TREE}/two words/`.toUpperCase(),
        `\\\\?\\${TREE}\\three`,
        `c:\\**\\DEEP`,
      ],
    });
    expect(files).to.deep.equal([kept]);
    expect((await scan()).files).to.have.length(5);
  });

  it('takes folders in any case and with either separator, one within another once', async () => {
    const evil = file('Sub\\evil.bin', 'evil content');
    document('hash', 'OR', [['FileItem/Sha256sum', sha256('evil content')]]);
    const { files, told } = await scan({
      folders: [TREE.toUpperCase(), `${TREE}/sub`, `\\\\?\\${TREE}`, 'C:\\not there', 'relative'],
    });
    expect(files.map((path) => path?.toLowerCase())).to.deep.equal([evil.toLowerCase()]);
    expect(told.sort()).to.deep.equal(['C:\\not there does not exist', 'relative is not an absolute path']);
  });

  it('goes on over a file that another program holds, and names it', async () => {
    const held = file('held.bin', 'evil content');
    const evil = file('z.bin', 'evil content');
    document('hash', 'OR', [['FileItem/Sha256sum', sha256('evil content')]]);
    const letGo = await holdFile(held);
    try {
      const { files, told } = await scan();
      expect(files).to.deep.equal([evil]);
      expect(told).to.deep.equal([`${held} is in use by another program`]);
    } finally {
      letGo();
    }
    expect((await scan()).files).to.deep.equal([held, evil]);
  });

  it('knows the drives of this computer', async () => {
    const { drives } = await windowsFacts();
    expect(drives(false)).to.include('C:\\');
    expect(drives(false)).to.deep.equal(drives(true));
  });
});
