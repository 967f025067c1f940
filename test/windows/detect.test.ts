import { expect } from 'chai';
import { join } from 'node:path';
import { ATTRIBUTES } from '../../agent/detect/collect/windows/file-facts.js';
import { NEIGHBOUR_STATES } from '../../agent/detect/collect/windows/arp-item.js';
import { CONSTANTS, LAYOUTS, USER_INFO_3 } from '../../agent/detect/collect/windows/layout.js';
import { VALUE_TYPES } from '../../agent/detect/collect/windows/registry-values.js';
import {
  SERVICE_STARTS,
  SERVICE_STATES,
  SERVICE_TYPES,
} from '../../agent/detect/collect/windows/service-item.js';
import { DRIVE_TYPES } from '../../agent/detect/collect/windows/volume-item.js';
import { packageRoot } from '../../shared/package-root.js';
import { itNeeding } from '../net/site/it-needing.js';
import { compileForWindows, mingw } from './bfe-double/build.js';
import { compile, constantAsserts, expressionAsserts, layoutAsserts } from './static-asserts.js';
import { expectSuite, Wine, wine } from './wine.js';

const HEADERS = [
  'ws2tcpip.h',
  'iphlpapi.h',
  'netioapi.h',
  'winsvc.h',
  'tlhelp32.h',
  'lm.h',
  'winternl.h',
].concat(['windns.h', 'winevt.h']);
const DOUBLE = join(packageRoot, 'test/windows/detect-double/detect-double.c');

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;

describe('what a scan collects on Windows', function () {
  this.timeout(180_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(wine, 'is what the registry holds', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/detect-registry.wine.js');
  });

  itNeeding(wine, 'is what the system tells about itself', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/detect-system.wine.js');
  });

  itNeeding(wine, 'is compared with documents, together with files on Windows paths', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/detect-scan.wine.js');
    await expectSuite(windows, 'test/windows/suites/detect-quarantine.wine.js');
  });

  itNeeding(needs, 'is what its services remember', async () => {
    windows = Wine.make();
    const library = join(windows.folder, 'detect-double.dll');
    const warnings = ['-Wall', '-Wextra', '-Werror'];
    compileForWindows([...warnings, '-O1', '-shared', '-o', library, DOUBLE, '-lws2_32']);
    const env = { CORDON_DETECT_DOUBLE: windows.windowsPath(library) };
    await expectSuite(windows, 'test/windows/suites/detect-double.wine.js', { env });
  });
});

/** Names in the order of their numbers. */
function numbered(names: readonly string[]): [string, number][] {
  return names.map((name, at) => [name, at]);
}

describe('structures and numbers that collectors on Windows read', function () {
  this.timeout(60_000);

  itNeeding(mingw, 'are those of the C headers', () => {
    expect(compile(layoutAsserts(LAYOUTS, HEADERS))).to.equal(undefined);
    expect(compile(constantAsserts(CONSTANTS, HEADERS))).to.equal(undefined);
    const tables: [string, number][] = [
      ...numbered(VALUE_TYPES),
      ...numbered(SERVICE_STATES).slice(1),
      ...numbered(SERVICE_STARTS),
      // The headers of mingw-w64 do not have that of services which belong to one user.
      ...SERVICE_TYPES.filter(([, name]) => name !== 'SERVICE_USER_SERVICE').map(
        ([bit, name]): [string, number] => [name, bit],
      ),
      ...numbered(DRIVE_TYPES),
      ...NEIGHBOUR_STATES.map((name, at): [string, number] => [`Nlns${name}`, at]),
      ...ATTRIBUTES.map(([bit, name]): [string, number] => [attributeName(name), bit]),
    ];
    expect(tables.length).to.be.greaterThan(55);
    expect(compile(expressionAsserts(tables, HEADERS)) ?? '').to.equal('');
    return Promise.resolve();
  });

  itNeeding(mingw, 'do not compile with a wrong field, size or number', () => {
    for (const code of [
      layoutAsserts([{ ...USER_INFO_3, size: 176 }], HEADERS),
      layoutAsserts([{ ...USER_INFO_3, fields: { usri3_last_logon: { offset: 92, size: 4 } } }], HEADERS),
      constantAsserts({ DNS_TYPE_AAAA: 29 }, HEADERS),
      expressionAsserts([['SERVICE_RUNNING', 3]], HEADERS),
    ]) {
      expect(compile(code)).to.match(/static assertion failed/);
    }
    return Promise.resolve();
  });
});

/** `ReadOnly` is FILE_ATTRIBUTE_READONLY; some are parted by underscores. */
function attributeName(name: string): string {
  const parted: Readonly<Record<string, string>> = {
    SparseFile: 'SPARSE_FILE',
    ReparsePoint: 'REPARSE_POINT',
    NotContentIndexed: 'NOT_CONTENT_INDEXED',
  };
  return `FILE_ATTRIBUTE_${parted[name] ?? name.toUpperCase()}`;
}
