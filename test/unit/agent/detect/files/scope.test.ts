import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { excludedBy } from '../../../../../agent/detect/files/exclusions.js';
import { kindOf, parseMounts, seenElsewhere } from '../../../../../agent/detect/files/mounts.js';
import {
  isOfAnotherComputer,
  scopeOf,
  type Scope,
  type ScopeParts,
} from '../../../../../agent/detect/files/scope.js';
import { Walker, type WalkPosition } from '../../../../../agent/detect/files/walker.js';
import { packageRoot } from '../../../../../shared/package-root.js';
import { ScanSite } from '../../../../fakes/scan-site.js';
import { itNeeding } from '../../../../net/site/it-needing.js';

const ROOT = { met: process.getuid?.() === 0, why: 'a mount needs root' };

const MOUNTS = parseMounts(
  [
    '22 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '23 22 0:20 / /proc rw - proc proc rw',
    '24 22 0:30 / /mnt/share rw,relatime shared:1 - nfs4 server:/x rw',
    '25 22 8:1 /home/data /bind rw - ext4 /dev/sda1 rw',
    '26 22 8:2 / /media/a\\040b rw - vfat /dev/sdb rw',
    '27 22 8:2 / /media/again rw - vfat /dev/sdb rw',
  ].join('\n'),
);

describe('paths that are left out', () => {
  const linux = (pattern: string, path: string): boolean => excludedBy([pattern], 'linux')(path);

  it('one star stands for one name, two for any folders, a question mark for one character', () => {
    expect([linux('/a/*/c', '/a/b/c'), linux('/a/*/c', '/a/b/b/c')]).to.deep.equal([true, false]);
    expect([linux('/a/**/c', '/a/b/b/c'), linux('/a/**/c', '/b/c')]).to.deep.equal([true, false]);
    expect([linux('/a?c', '/abc'), linux('/a?c', '/a/c')]).to.deep.equal([true, false]);
    expect([linux('/a*', '/abc'), linux('/a*', '/ab/c')]).to.deep.equal([true, false]);
    expect([linux('/a/', '/a'), linux('/a', '/ab')]).to.deep.equal([true, false]);
  });

  it('case counts on Linux and not on Windows, where a path may be a long one', () => {
    expect(linux('/Tmp', '/tmp')).to.equal(false);
    const windows = excludedBy(['C:\\Temp', 'D:/x/*.LOG'], 'win32');
    expect(['c:\\TEMP', '\\\\?\\C:\\temp', 'D:\\x\\a.log', 'C:\\Temp2'].map(windows)).to.deep.equal([
      true,
      true,
      true,
      false,
    ]);
  });

  it('no pattern is slow', () => {
    const started = performance.now();
    expect(linux(`/${'**a'.repeat(60)}b`, `/${'a'.repeat(3000)}`)).to.equal(false);
    expect(performance.now() - started).to.be.lessThan(2000);
  });
});

describe('mounted file systems', () => {
  it('are read with spaces in their names and known by their type', () => {
    expect(MOUNTS.map((mount) => [mount.point, kindOf(mount)])).to.deep.equal([
      ['/', 'local'],
      ['/proc', 'pseudo'],
      ['/mnt/share', 'network'],
      ['/bind', 'local'],
      ['/media/a b', 'local'],
      ['/media/again', 'local'],
    ]);
  });

  it('are scanned at one place only, the one that is in scope', () => {
    expect([...seenElsewhere(MOUNTS, () => true)]).to.deep.equal(['/bind', '/media/again']);
    expect([...seenElsewhere(MOUNTS, (path) => !path.startsWith('/home'))]).to.deep.equal(['/media/again']);
    expect([...seenElsewhere(MOUNTS, (path) => path.startsWith('/media/again'))]).to.deep.equal([]);
  });
});

describe('where a scan goes', () => {
  let site: ScanSite;
  let problems: string[];
  beforeEach(() => {
    site = new ScanSite();
    problems = [];
  });
  afterEach(() => site.close());

  const scope = (parts: Partial<ScopeParts> = {}): Scope =>
    scopeOf({
      platform: 'linux',
      folders: [site.tree],
      wanted: new Set([site.tree]),
      excludedPaths: [],
      networkFileSystems: false,
      mounts: [],
      problem: (subject, detail) => problems.push(`${subject} ${detail}`),
      ...parts,
    });
  const walk = (
    of: Scope,
    after?: WalkPosition,
    mostNames?: number,
  ): { paths: string[]; at: WalkPosition[] } => {
    const walker = new Walker({
      scope: of,
      after,
      problem: (subject, detail) => problems.push(`${subject} ${detail}`),
      vanished: () => undefined,
      mostNames,
    });
    const paths: string[] = [];
    const at: WalkPosition[] = [];
    let done = 0;
    for (let entry = walker.next(); entry; entry = walker.next()) {
      paths.push(String(entry.path).slice(site.folder.length + 1));
      at.push(walker.position());
      expect(walker.done()).to.be.at.least(done);
      done = walker.done();
    }
    expect(walker.done()).to.equal(1);
    return { paths, at };
  };

  it('goes into a root that is a link, and into a folder within another once', () => {
    site.file('a/x');
    symlinkSync(site.tree, join(site.folder, 'link'));
    const of = scope({ folders: [join(site.tree, 'a'), join(site.folder, 'link'), site.tree] });
    expect(walk(of).paths).to.deep.equal(['tree', 'tree/a', 'tree/a/x']);
  });

  it('says which wanted folder is not there, or is no absolute path, and takes the rest', () => {
    const missing = join(site.folder, 'missing');
    scope({ folders: [missing, 'relative', '/also-missing'], wanted: new Set([missing]) });
    expect(problems).to.deep.equal([`${missing} does not exist`, 'relative is not an absolute path']);
  });

  it('leaves out network and system file systems, the former unless asked', () => {
    for (const name of ['net', 'sys', 'here']) site.file(`${name}/x`);
    const mount = (name: string, type: string) => ({
      device: name,
      root: '/',
      point: join(site.tree, name),
      type,
    });
    const mounts = [mount('net', 'nfs4'), mount('sys', 'sysfs')];
    expect(walk(scope({ mounts })).paths).to.deep.equal(['tree', 'tree/here', 'tree/here/x']);
    expect(problems.join()).to.contain('net is a network file system (nfs4)');
    const asked = walk(scope({ mounts, networkFileSystems: true })).paths;
    expect(asked).to.include('tree/net/x').and.not.to.include('tree/sys/x');
  });

  it('goes through nothing of /proc, and says so where it was asked for by name', () => {
    const mounts = [{ device: '0:1', root: '/', point: '/proc', type: 'proc' }];
    expect(walk(scope({ folders: ['/proc'], mounts })).paths).to.deep.equal([]);
    expect(problems.join()).to.contain('/proc is a view of the system (proc)');
  });

  itNeeding(ROOT, 'comes to a folder that is mounted twice once', () => {
    site.file('a/x');
    site.file('b/hidden');
    const program = `
      const { Walker } = await import('${packageRoot}/dist/agent/detect/files/walker.js');
      const { scopeOf } = await import('${packageRoot}/dist/agent/detect/files/scope.js');
      const { readMounts } = await import('${packageRoot}/dist/agent/detect/files/mounts.js');
      const scope = scopeOf({ platform: 'linux', folders: process.argv.slice(1), wanted: new Set(), excludedPaths: [],
        networkFileSystems: false, mounts: readMounts('linux'), problem: () => {} });
      const walker = new Walker({ scope, problem: () => {}, vanished: () => {} });
      for (let entry = walker.next(); entry; entry = walker.next()) console.log(entry.path);`;
    const walked = (folder: string): string[] => {
      // In a table of mounts of its own, which ends with the program.
      const mountAndRun = 'mount --bind "$0/a" "$0/b" && exec "$1" --input-type=module -e "$2" "$3"';
      const args = ['-m', '--propagation', 'private', 'sh', '-c', mountAndRun];
      return execFileSync('unshare', [...args, site.tree, process.execPath, program, folder], {
        encoding: 'utf8',
      })
        .trim()
        .split('\n')
        .map((path) => path.slice(site.tree.length));
    };
    expect(walked(site.tree)).to.deep.equal(['', '/a', '/a/x']);
    expect(walked(join(site.tree, 'b'))).to.deep.equal(['/b', '/b/x']);
    return Promise.resolve();
  });

  it('can go on after any entry, and comes to exactly the rest', () => {
    for (const path of ['b/1', 'b/c/2', 'b/c/é', 'b/c/\u{1f600}', 'a', 'd/e/f/g', 'd/e2', 'z'])
      site.file(path);
    mkdirSync(join(site.tree, 'b', 'empty'));
    mkdirSync(join(site.folder, 'second'));
    const of = scope({ folders: [site.tree, join(site.folder, 'second')] });
    const { paths, at } = walk(of);
    expect(paths).to.have.length(16);
    at.forEach((position, index) => {
      const plain = JSON.parse(JSON.stringify(position)) as WalkPosition;
      expect(walk(of, plain).paths).to.deep.equal(paths.slice(index + 1));
    });
  });

  it('looks at no more names of one folder than it can hold, and says so', () => {
    for (let name = 0; name < 10; name++) site.file(`many/${name}`);
    expect(walk(scope(), undefined, 5).paths).to.have.length(7);
    expect(problems.join()).to.contain('has more than 5 names');
  });
});

describe('folders of other computers on Windows', () => {
  for (const [folder, remote] of [
    ['\\\\server\\share', true],
    ['\\\\?\\UNC\\server\\share', true],
    ['//server/share', true],
    ['C:\\', false],
    ['\\\\?\\C:\\Users', false],
    ['\\\\.\\C:\\Users', false],
  ] as const) {
    it(`are told by their path: ${folder} is ${remote ? 'one' : 'none'}`, () => {
      expect(isOfAnotherComputer(folder)).to.equal(remote);
    });
  }
});
