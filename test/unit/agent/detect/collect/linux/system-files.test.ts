import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemFiles } from '../../../../../../agent/detect/collect/linux/system-files.js';
import { parseCommand, parseUnit } from '../../../../../../agent/detect/collect/linux/unit-text.js';
import { programHashes } from '../../../../../../agent/detect/collect/program-hashes.js';
import { temporaryRoot } from './temporary-root.js';

(process.platform === 'linux' ? describe : describe.skip)('files of the system', () => {
  const root = temporaryRoot();
  const files = systemFiles(root.folder);

  before(() => {
    root.write('etc/text', 'some text');
    root.link('etc/link', 'nowhere');
    execFileSync('mkfifo', [join(root.folder, 'etc/pipe')]);
  });

  after(() => root.remove());

  it('are read up to a limit, from any place', () => {
    expect(files.read('/etc/text')).to.equal('some text');
    expect(files.read('/etc/text', 4)).to.equal('some');
    expect(files.bytes('/etc/text', 5, 100)?.toString()).to.equal('text');
    expect(files.bytes('/etc/text', 50, 100)?.length).to.equal(0);
    expect(files.size('/etc/text')).to.equal(9);
    expect(files.list('/etc')).to.deep.equal(['link', 'pipe', 'text']);
    expect(files.link('/etc/link')).to.equal('nowhere');
  });

  it('are read though /proc says that they are empty', () => {
    expect(systemFiles().read('/proc/self/stat')).to.match(/^\d+ \(/);
  });

  it('do not exist when they are none: a pipe holds nothing up', () => {
    for (const path of ['/etc/pipe', '/etc/link', '/etc', '/etc/text/below', '/none']) {
      expect(files.read(path), path).to.equal(undefined);
    }
    expect(files.link('/etc/text')).to.equal(undefined);
    expect(files.list('/none')).to.deep.equal([]);
    expect(files.list('/etc/text')).to.deep.equal([]);
  });

  it('that may not be read are an error, not nothing', () => {
    root.write('etc/secret', 'x');
    chmodSync(join(root.folder, 'etc/secret'), 0);
    // The way there is open: only the file itself may not be read.
    chmodSync(root.folder, 0o755);
    expect(asNobody(() => files.read('/etc/text'))).to.not.equal(undefined);
    expect(() => asNobody(() => files.read('/etc/secret'))).to.throw('EACCES');
  });

  it('are hashed only when they are regular and not too large', async () => {
    const { signal } = new AbortController();
    const hashes = await programHashes(join(root.folder, 'etc/text'), ['md5'], signal);
    expect([...hashes]).to.deep.equal([['md5', '552e21cd4cd9918678e3c1a0df491bc3']]);
    for (const [path, why] of [
      ['etc/pipe', 'not a regular file'],
      ['etc', 'not a regular file'],
      ['none', 'ENOENT'],
    ] as const) {
      const failure: unknown = await programHashes(join(root.folder, path), ['md5'], signal).catch(
        (error: unknown) => error,
      );
      expect(String(failure), path).to.contain(why);
    }
    execFileSync('truncate', ['-s', '201M', join(root.folder, 'large')]);
    const failure: unknown = await programHashes(join(root.folder, 'large'), ['md5'], signal).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).to.contain('larger than 200 MiB');
  });
});

describe('the text of a unit', () => {
  it('continues lines, forgets what an empty value empties, and knows sections apart', () => {
    const settings = parseUnit([
      '[Unit]\nDescription = One\n\n[Service]\nExecStart=/a \\\n# not this\n -b\nExecStart=/c\nUser=eve',
      '[Service]\nExecStart=\nExecStart=/d\nUser=adam\n[Other]\nUser=none\nnonsense\n=x\n',
    ]);
    expect(Object.fromEntries(settings)).to.deep.equal({
      'Unit.Description': ['One'],
      'Service.ExecStart': ['/d'],
      'Service.User': ['eve', 'adam'],
      'Other.User': ['none'],
    });
    expect(parseUnit(['[Service]\nExecStart=/a \\\n# not this\n -b']).get('Service.ExecStart')).to.deep.equal(
      ['/a -b'],
    );
  });

  it('has commands with marks and quotes before their arguments', () => {
    expect(parseCommand('/bin/a')).to.deep.equal({ path: '/bin/a', arguments: '' });
    expect(parseCommand('-@/bin/a b  c ')).to.deep.equal({ path: '/bin/a', arguments: 'b  c' });
    expect(parseCommand('+"/bin/a b" "c d"')).to.deep.equal({ path: '/bin/a b', arguments: '"c d"' });
    expect(parseCommand("'/bin/it\\'s' x")).to.deep.equal({ path: "/bin/it's", arguments: 'x' });
    expect(parseCommand('  ')).to.equal(undefined);
  });
});

/** Root may read everything. */
function asNobody<Result>(read: () => Result): Result {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    return read();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
