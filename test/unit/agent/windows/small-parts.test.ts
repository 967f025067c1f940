import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { helperExclusions, helperRule } from '../../../../agent/helper-services.js';
import { placesOn, socketRule } from '../../../../agent/places.js';
import { bootIdOf } from '../../../../agent/windows/boot.js';
import { LogFile } from '../../../../agent/windows/log-file.js';
import { loggedIn } from '../../../../agent/windows/sessions.js';

describe('the boot of Windows', () => {
  const info = (booted: bigint, bias: bigint): Buffer => {
    const bytes = Buffer.alloc(48);
    bytes.writeBigInt64LE(booted, 0);
    bytes.writeBigInt64LE(bias, 32);
    return bytes;
  };

  it('keeps its identity when the clock is set, and has another one the next time', () => {
    const booted = 134_398_582_360_197_030n;
    const hour = 36_000_000_000n;
    expect(bootIdOf(info(booted + hour, hour))).to.equal(bootIdOf(info(booted, 0n)));
    expect(bootIdOf(info(booted + hour, 0n))).to.not.equal(bootIdOf(info(booted, 0n)));
  });
});

describe('sessions of Windows', () => {
  it('count where a person is logged in', () => {
    const row = (session: number, state: number): Buffer => {
      const bytes = Buffer.alloc(24);
      bytes.writeUInt32LE(session, 0);
      bytes.writeInt32LE(state, 16);
      return bytes;
    };
    const rows = [row(0, 4), row(1, 0), row(2, 4), row(3, 1), row(65_536, 6)];
    expect(loggedIn(Buffer.concat(rows))).to.deep.equal([1, 2]);
    expect(loggedIn(Buffer.alloc(0))).to.deep.equal([]);
  });
});

describe('the places of an agent', () => {
  it('are those of its operating system', () => {
    expect(placesOn('linux')).to.include({ dataDir: '/var/lib/cordon-agent' });
    expect(placesOn('win32', { ProgramData: 'D:\\Data' })).to.deep.equal({
      dataDir: 'D:\\Data\\Cordon\\Agent',
      controlSocket: '\\\\.\\pipe\\cordon-agent',
      configFile: 'D:\\Data\\Cordon\\Agent\\agent.yaml',
    });
  });

  it('have a control socket of their kind', () => {
    expect(socketRule('win32').test('\\\\.\\pipe\\cordon-2')).to.equal(true);
    for (const wrong of ['/run/x.sock', '\\\\server\\pipe\\x', '\\\\.\\pipe\\', '\\\\.\\pipe\\a\\b']) {
      expect(socketRule('win32').test(wrong), wrong).to.equal(false);
    }
    expect(socketRule('linux').test('/run/x.sock')).to.equal(true);
    expect(socketRule('linux').test('x.sock')).to.equal(false);
  });
});

describe('helper services', () => {
  it('are Windows services there, and systemd units here', () => {
    const target = (platform: NodeJS.Platform): unknown =>
      helperExclusions(['W32Time'], platform)[0]?.application?.target;
    expect(target('win32')).to.deep.equal({ $case: 'windowsService', value: 'W32Time' });
    expect(target('linux')).to.deep.equal({ $case: 'systemdUnit', value: 'W32Time' });
    expect(helperRule('win32').pattern.test('Cordon Helper')).to.equal(true);
    expect(helperRule('win32').pattern.test('a\\b')).to.equal(false);
    expect(helperRule('linux').pattern.test('a b')).to.equal(false);
  });
});

describe('a log file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cordon-log-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('makes room when it is full, and keeps the one before', () => {
    const path = join(folder, 'agent.log');
    const log = new LogFile(path, 10);
    for (const line of ['first line\n', 'second line\n', 'third line\n']) log.write(line);
    expect(readFileSync(path, 'utf8')).to.equal('third line\n');
    expect(readFileSync(`${path}.1`, 'utf8')).to.equal('second line\n');
  });

  it('loses lines that cannot be written, and takes them again later', () => {
    const path = join(folder, 'later', 'agent.log');
    const log = new LogFile(path);
    log.write('lost\n');
    expect(existsSync(path)).to.equal(false);
    mkdirSync(join(folder, 'later'));
    log.write('kept\n');
    expect(readFileSync(path, 'utf8')).to.equal('kept\n');
  });
});
