import {
  linkSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { protection } from '../../../../../agent/detect/quarantine/protected.js';

describe('what is protected from quarantine', () => {
  let folder: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-protected-')));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const stat = (path: string): BigIntStats => statSync(path, { bigint: true });
  const file = (name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, name);
    return path;
  };

  it('is everything of the agent, under whatever name, and nothing beside it', () => {
    const own = file('own');
    const other = file('own-not');
    linkSync(own, join(folder, 'linked'));
    const protects = protection({ platform: 'linux', ownPaths: [own], systemFiles: () => [] });
    expect(protects(own, stat(own))).to.equal('it belongs to the agent');
    expect(protects(join(own, 'below'), stat(other))).to.equal('it belongs to the agent');
    expect(protects(join(folder, 'linked'), stat(own))).to.equal('it belongs to the agent');
    expect(protects(other, stat(other))).to.equal(undefined);
  });

  it('on Linux is what this system runs on: its first process, the C library, the loader, the kernel, accounts', () => {
    const protects = protection({ platform: 'linux', ownPaths: [] });
    const why = 'the system does not run without it';
    for (const path of [process.execPath, '/proc/self/exe', '/etc/passwd']) {
      expect(protects(path, stat(path)), path).to.equal(why);
    }
    const plain = file('plain');
    expect(protects('/boot/vmlinuz-6', stat(plain))).to.equal(why);
    expect(protects('/bootleg', stat(plain))).to.equal(undefined);
    expect(protects(plain, stat(plain))).to.equal(undefined);
  });

  it('on Windows is what it does not start without, however it is written', () => {
    const plain = stat(file('plain'));
    const protects = protection({
      platform: 'win32',
      ownPaths: ['C:\\ProgramData\\Cordon\\Agent'],
      environment: { SystemRoot: 'C:\\Windows' },
    });
    expect(protects('c:\\windows\\SYSTEM32\\lsass.exe', plain)).to.equal(
      'the system does not run without it',
    );
    expect(protects('C:\\Windows\\System32\\config\\SAM', plain)).to.equal(
      'the system does not run without it',
    );
    expect(protects('C:\\PROGRAMDATA\\cordon\\agent\\x', plain)).to.equal('it belongs to the agent');
    expect(protects('C:\\Windows\\System32\\evil.exe', plain)).to.equal(undefined);
    expect(protects('C:\\Users\\a\\lsass.exe', plain)).to.equal(undefined);
  });
});
