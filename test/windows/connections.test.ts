import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CONSTANTS, LAYOUTS, MIB_TCPROW, type Layout } from '../../agent/enforce/iphlp/layout.js';
import { listSockets } from '../../agent/enforce/ss/list.js';
import type { Connection } from '../../shared/gen/cordon/v1/network.js';
import { packageRoot } from '../../shared/package-root.js';
import { itNeeding } from '../net/site/it-needing.js';
import { compileForWindows, mingw } from './bfe-double/build.js';
import { compile, constantAsserts, layoutAsserts } from './static-asserts.js';
import { expectSuite, Wine, wine } from './wine.js';

const HEADERS = ['ws2tcpip.h', 'iphlpapi.h', 'winsvc.h'];
const DOUBLE = join(packageRoot, 'test/windows/iphlp-double/iphlp-double.c');

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;

describe('connections of Windows', function () {
  this.timeout(240_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(wine, 'are those that a process there has opened', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/connections.wine.js');
  });

  itNeeding(needs, 'are ended as Windows wants it', async () => {
    windows = Wine.make();
    const library = join(windows.folder, 'iphlp-double.dll');
    compileForWindows([
      ...['-Wall', '-Wextra', '-Werror', '-O1', '-shared', '-o', library],
      ...[DOUBLE, '-lws2_32'],
    ]);
    const env = { CORDON_IPHLP_DOUBLE: windows.windowsPath(library) };
    await expectSuite(windows, 'test/windows/suites/connections-double.wine.js', { env });
  });

  itNeeding(wine, 'are listed as Linux lists them', async () => {
    const open: (() => void)[] = [];
    try {
      const ports: number[] = [];
      for (const host of ['127.0.0.1', '::1']) {
        const server = createServer().listen(0, host);
        open.push(() => server.close());
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const accepted = once(server, 'connection');
        const client = createConnection({ host, port });
        open.push(() => client.destroy());
        const [socket] = (await accepted) as [{ destroy(): void }];
        open.push(() => socket.destroy());
        const udp = createSocket({ type: host === '::1' ? 'udp6' : 'udp4', ipv6Only: host === '::1' });
        open.push(() => udp.close());
        udp.bind(0, host);
        await once(udp, 'listening');
        ports.push(port, client.localPort ?? 0, udp.address().port);
      }
      windows = Wine.make();
      const { stdout, stderr } = await windows.runNode(
        windows.compiled('test/windows/suites/list-sockets.js'),
      );
      expect(stderr).to.equal('');
      const shown = (found: readonly Connection[]): string[] =>
        found
          .filter(({ localPort }) => ports.includes(localPort))
          // The process is one of Linux, of which Wine knows nothing.
          .map(({ protocol, localAddress, localPort, remoteAddress, remotePort, state }) =>
            [protocol, localAddress, localPort, remoteAddress, remotePort, state].join(' '),
          )
          .sort();
      const there = shown(JSON.parse(stdout) as Connection[]);
      expect(there).to.have.length(8);
      expect(there).to.deep.equal(shown(await listSockets()));
    } finally {
      for (const close of open) close();
    }
  });

  itNeeding(mingw, 'have the layouts and constants of the C headers', () => {
    expect(compile(layoutAsserts(LAYOUTS, HEADERS))).to.equal(undefined);
    expect(compile(constantAsserts(CONSTANTS, HEADERS))).to.equal(undefined);
    return Promise.resolve();
  });

  itNeeding(mingw, 'do not compile with a wrong field, size or constant', () => {
    const wrong: Layout = { ...MIB_TCPROW, fields: { dwLocalPort: { offset: 12, size: 4 } } };
    for (const code of [
      layoutAsserts([wrong], HEADERS),
      layoutAsserts([{ ...MIB_TCPROW, size: 24 }], HEADERS),
      constantAsserts({ TCP_TABLE_OWNER_PID_ALL: 4 }, HEADERS),
    ]) {
      expect(compile(code)).to.match(/static assertion failed/);
    }
    return Promise.resolve();
  });
});
