import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeAdminToken } from '../../../server/admin-token.js';
import { createAgentPlane } from '../../../server/agent-plane.js';
import { readCommandLine } from '../../../server/command-line.js';
import { startServer } from '../../../server/server.js';
import { systemClock } from '../../../shared/clock.js';
import { ConfigError } from '../../../shared/config/load.js';
import { createLog } from '../../../shared/log.js';

describe('the command line of the server', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-server-line-'));
    writeFileSync(join(folder, 'broken.yaml'), 'data_dir: [\n');
    writeFileSync(join(folder, 'list.yaml'), '- data_dir\n');
    writeFileSync(join(folder, 'unknown.yaml'), 'data_dirr: /tmp\n');
    writeFileSync(join(folder, 'types.yaml'), 'data_dir: 5\nserver_names: 3\nagent_listen: 7443\n');
    writeFileSync(join(folder, 'file'), '');
  });

  after(() => rmSync(folder, { recursive: true }));

  const words = (line: string): string[] => line.replaceAll('DIR', folder).split(' ').filter(Boolean);

  /** One line of a ConfigError, which `main` prints before it ends with 2. */
  function expectOneLine(error: unknown, named: RegExp): void {
    expect(error).to.be.instanceOf(ConfigError);
    expect((error as Error).message)
      .to.match(/^[^\n]+$/)
      .and.match(named);
  }

  for (const [line, named] of [
    ['--bad', /unknown option '--bad'; run "cordon-server --help"/],
    ['start', /unknown command 'start'; run "cordon-server --help"/],
    ['--data-dir', /--data-dir <DIR>' argument missing; run "cordon-server --help"/],
    [
      'admin-token extra',
      /too many arguments for 'admin-token': expected 0, got 1; run "cordon-server admin-token/,
    ],
    ['--agent-listen foo', /--agent-listen: must be ADDRESS:PORT, for example/],
    ['--management-listen 127.0.0.1:99999', /--management-listen: must be ADDRESS:PORT/],
    ['--certificate-days x', /--certificate-days: must be a number from 1 to 398/],
    ['--drain-seconds -1', /--drain-seconds: must be at least 0/],
    ['--log-level loud', /--log-level: must be one of fatal/],
    ['--server-names a/b', /--server-names: must be host names or addresses/],
    ['--event-file=', /--event-file: must be a file/],
    ['--event-syslog siem.example:514', /--event-syslog: must be udp:\/\/HOST:PORT, tcp:/],
    ['--event-syslog-ca=', /--event-syslog-ca: must be a file/],
    ['--config DIR/none.yaml', /none.yaml: cannot be read \(ENOENT\); give --config/],
    ['--config DIR/broken.yaml', /broken.yaml: is not YAML: .* at line \d+, column \d+/],
    ['--config DIR/list.yaml', /list.yaml: must hold keys and values/],
    ['--config DIR/unknown.yaml', /unknown.yaml: data_dirr: unknown key; known keys: .*data_dir/],
    [
      '--config DIR/types.yaml',
      /data_dir: must be a folder; .*agent_listen: must be ADDRESS:PORT.*; .*server_names: must be host/,
    ],
  ] as const) {
    it(`says in one line what to do after "cordon-server ${line}"`, () => {
      let thrown: unknown;
      try {
        readCommandLine(words(line), {});
      } catch (error) {
        thrown = error;
      }
      expectOneLine(thrown, named);
    });
  }

  const start = (line: string): Promise<unknown> => {
    const invocation = readCommandLine(words(line), {});
    if (invocation.kind !== 'run') throw new Error(`${line} does not start a server`);
    const log = createLog('cordon-server', 'silent');
    return startServer(invocation.config, { log, clock: systemClock, plane: createAgentPlane }).then(
      () => undefined,
      (error: unknown) => error,
    );
  };

  it('names the data folder that cannot be made', async () => {
    expectOneLine(await start('--data-dir DIR/file/x'), /data_dir: .*ENOTDIR.*; choose a folder/);
    expectOneLine(await start('--data-dir /proc/cordon'), /data_dir: .*ENOENT.*; choose a folder/);
  });

  it('names the settings of the export of events that cannot be right', async () => {
    const base = '--data-dir DIR/export --agent-listen 127.0.0.1:0 --management-listen 127.0.0.1:0';
    expectOneLine(await start(`${base} --event-file DIR/file/x`), /event_file: .*ENOTDIR.*; choose a file/);
    expectOneLine(
      await start(`${base} --event-syslog tls://127.0.0.1:1 --event-syslog-ca DIR/file`),
      /event_syslog_ca: .* holds no certificate; it must be PEM/,
    );
  });

  it('names the port that another program has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    try {
      const { port } = other.address() as AddressInfo;
      expectOneLine(
        await start(`--data-dir DIR/busy --agent-listen 127.0.0.1:0 --management-listen 127.0.0.1:${port}`),
        /management_listen: .* the port is in use by another program; choose another port/,
      );
    } finally {
      other.close();
    }
  });

  it('makes no administrator token for a folder that is not a server’s', async () => {
    const error: unknown = await makeAdminToken(join(folder, 'nothing'), systemClock).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expectOneLine(error, /nothing is not the data folder of a server; give/);
  });
});
