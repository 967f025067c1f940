import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fileTerms } from '../../../../../agent/detect/files/file-item.js';
import { linuxFacts } from '../../../../../agent/detect/files/linux-facts.js';
import type { Value } from '../../../../../agent/detect/item.js';
import { runScan } from '../../../../../agent/detect/process/run-scan.js';
import type { ScanDocument, ScanEvent } from '../../../../../agent/detect/scan-messages.js';
import { IocScanSettings, ScanArea } from '../../../../../shared/gen/cordon/v1/ioc.js';
import { itNeeding } from '../../../../net/site/it-needing.js';
import { nearMiss, openIocAbout } from '../collect/term-check.js';
import { buildPrograms, CAN_BUILD, VERSION } from '../pe/programs.js';

const MODIFIED = Date.UTC(2026, 4, 6, 7, 8, 9);
const ACCESSED = Date.UTC(2026, 4, 7, 7, 8, 9);

const need = { met: CAN_BUILD && process.platform === 'linux', why: 'there is no gcc-mingw-w64-x86-64' };

describe('terms of files', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => (folder = mkdtempSync(join(tmpdir(), 'cordon-terms-'))));
  after(() => rmSync(folder, { recursive: true }));

  itNeeding(need, 'match a real file each, and near misses do not', async () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(folder, 'build'));
    mkdirSync(tree);
    const path = join(tree, 'Probe.dll');
    const content = readFileSync(buildPrograms(join(folder, 'build')).dll);
    writeFileSync(path, content);
    chmodSync(path, 0o4750);
    utimesSync(path, ACCESSED / 1000, MODIFIED / 1000);
    const known = facts(path, content);

    const wanted = [...fileTerms(linuxFacts(), 'linux')].sort();
    expect([...known.keys()].sort(), 'what is known of the file').to.deep.equal(wanted);
    const documents = wanted.flatMap((term) => {
      const value = known.get(term) ?? '';
      return [
        document(folder, `hit ${term}`, openIocAbout(term, value, `hit ${term}`)),
        document(folder, `miss ${term}`, openIocAbout(term, nearMiss(term, value, [value]), `miss ${term}`)),
      ];
    });
    const { matched, problems } = await scan(tree, path, documents);
    expect(matched.sort()).to.deep.equal(wanted.map((term) => `hit ${term}`));
    expect(problems).to.deep.equal([]);
  });
});

/** What is true of the file, found out in other ways than the scanner's. */
function facts(path: string, content: Buffer): ReadonlyMap<string, Value> {
  const { uid, gid, ino, ctimeMs, birthtimeMs } = statSync(path);
  const groups = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const hash = (name: string): string => createHash(name).update(content).digest('hex');
  const stamp = content.readUInt32LE(content.readUInt32LE(60) + 8) * 1000;
  expect(userInfo().uid).to.equal(uid);
  return new Map(
    Object.entries({
      FullPath: path,
      FilePath: path.slice(0, path.lastIndexOf('/')),
      FileName: 'Probe.dll',
      FileExtension: 'dll',
      SizeInBytes: content.length,
      Modified: MODIFIED,
      Accessed: ACCESSED,
      Changed: Math.floor(ctimeMs),
      Created: Math.floor(birthtimeMs),
      Username: userInfo().username,
      Group: groups.find(([, , id]) => id === String(gid))?.[0] ?? String(gid),
      GroupID: String(gid),
      INode: ino,
      Permissions: 4750,
      Md5sum: hash('md5'),
      Sha1sum: hash('sha1'),
      Sha256sum: hash('sha256'),
      'PEInfo/PETimeStamp': stamp,
      'PEInfo/Type': 'Dll',
      'PEInfo/Subsystem': 'Windows_CUI',
      'PEInfo/BaseAddress': Number(content.readBigUInt64LE(content.readUInt32LE(60) + 24 + 24)),
      'PEInfo/Exports/DllName': 'probe.dll',
      'PEInfo/Exports/ExportsTimeStamp': stamp,
      'PEInfo/Exports/NumberOfFunctions': 2,
      'PEInfo/Exports/NumberOfNames': 2,
      'PEInfo/Exports/ExportedFunctions/string': 'probe_first',
      'PEInfo/ImportedModules/Module/Name': 'KERNEL32.dll',
      'PEInfo/ImportedModules/Module/NumberOfFunctions': 3,
      'PEInfo/ImportedModules/Module/ImportedFunctions/string': 'Sleep',
      'PEInfo/Sections/NumberOfSections': content.readUInt16LE(content.readUInt32LE(60) + 6),
      'PEInfo/Sections/Section/Name': '.edata',
      'PEInfo/DigitalSignature/SignatureExists': false,
      'PEInfo/VersionInfoList/VersionInfoItem/Language': 'German (Germany)',
      ...Object.fromEntries(
        Object.entries(VERSION).map(([name, value]) => [
          `PEInfo/VersionInfoList/VersionInfoItem/${name}`,
          value,
        ]),
      ),
    }).map(([name, value]) => [`FileItem/${name}`, value]),
  );
}

function document(folder: string, id: string, text: string): ScanDocument {
  const hash = createHash('sha256').update(text).digest('hex');
  const path = join(folder, `${hash}.ioc`);
  writeFileSync(path, text);
  return { hash, path };
}

interface Outcome {
  /** Ids of the documents that the file matched. */
  readonly matched: string[];
  readonly problems: readonly string[];
}

async function scan(tree: string, path: string, documents: readonly ScanDocument[]): Promise<Outcome> {
  const matched: string[] = [];
  const problems: string[] = [];
  const order = {
    scanId: 'terms',
    documents,
    settings: IocScanSettings.fromPartial({ area: ScanArea.SCAN_AREA_FOLDERS, folders: [tree] }),
    ownPaths: [],
    checkpoint: undefined,
  };
  const running = runScan(
    order,
    (event: ScanEvent) => {
      if (event.kind === 'match') {
        // The folder that the file is in has an owner and a name as well.
        if (event.match.file === path) matched.push(event.match.documentId);
        setImmediate(() => running.control({ kind: 'acknowledge' }));
      }
      if (event.kind === 'failed') problems.push(event.detail);
      if (event.kind === 'done') {
        problems.push(...event.result.problems.map(({ subject, detail }) => `${subject}: ${detail}`));
      }
    },
    () => problems.push('nobody acknowledged a match'),
  );
  running.control({ kind: 'start', order });
  await running.ended;
  return { matched, problems };
}
