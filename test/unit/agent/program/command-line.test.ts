import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCommandLine } from '../../../../agent/program/command-line.js';
import { FakeManagementServer } from '../../../fakes/fake-management-server.js';

const FINGERPRINT = 'ab'.repeat(32);

describe('the command line of the agent', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-agent-line-'));
    writeFileSync(join(folder, 'broken.yaml'), 'server: [\n');
    writeFileSync(join(folder, 'list.yaml'), '- server\n');
    writeFileSync(join(folder, 'unknown.yaml'), 'sever: example.org\n');
    writeFileSync(join(folder, 'two.yaml'), 'log_level: loud\nkeepalive_seconds: 0\n');
    writeFileSync(join(folder, 'file'), '');
  });

  after(() => rmSync(folder, { recursive: true }));

  /** Runs a line in which DIR stands for the test's folder; every device of it only simulates. */
  async function refusal(line: string): Promise<{ code: number; text: string }> {
    const complaints: string[] = [];
    const words = line.replaceAll('DIR', folder).split(' ').filter(Boolean);
    const code = await runCommandLine(words, (text) => complaints.push(text));
    expect(complaints).to.have.length(1);
    const [text = ''] = complaints;
    expect(text)
      .to.match(/^cordon-agent: [^\n]+$/)
      .and.not.match(/\bat .*:\d+:\d+/);
    return { code, text };
  }

  for (const [line, code, named] of [
    [
      '',
      2,
      /needs a command: run, enroll, restore, status, isolation, report-detection, quarantine, self-test, service, purge; run "cordon-agent --help"/,
    ],
    ['isolat', 2, /did you mean isolation\?\); run "cordon-agent --help"/],
    ['release', 2, /unknown command 'release'/],
    ['run --control-socket here', 2, /--control-socket: must be an absolute path of at most 107 bytes/],
    ['report-detection --rule r --control-socket DIR/none.sock', 1, /none.sock: no agent listens there/],
    ['report-detection --source s', 2, /--rule: missing; give the rule/],
    ['report-detection --source s --rule r --details DIR/none', 1, /none: ENOENT/],
    [
      'report-detection --source s --rule r --control-socket DIR/none.sock',
      1,
      /none.sock: no agent listens there; start the agent/,
    ],
    ['quarantine', 2, /needs a command: list, restore, delete; run "cordon-agent quarantine --help"/],
    ['quarantine restore', 2, /missing required argument 'id'|<id>/],
    ['quarantine delete x', 2, /--yes: missing; the file cannot be had back/],
    ['quarantine list --control-socket DIR/none.sock', 1, /none.sock: no agent listens there/],
    ['self-test nope', 2, /no check is called "nope"; run "cordon-agent self-test --list"/],
    ['self-test wfp-engine', 2, /wfp-engine is a check of win32, and this computer runs linux; .*--list/],
    ['statsu', 2, /did you mean status\?\); run/],
    ['run --bad', 2, /unknown option '--bad'; run "cordon-agent run --help"/],
    ['run --server', 2, /--server <host:port>' argument missing; run "cordon-agent run --help"/],
    ['status extra', 2, /too many arguments for 'status': expected 0, got 1; run/],
    ['run', 2, /^cordon-agent: server: missing; give .*--server/],
    ['enroll', 2, /server: missing; give .*--server/],
    ['enroll --server h --data-dir DIR/a', 2, /--token: missing; .*"cordon enroll-token create"/],
    [
      'enroll --server h --data-dir DIR/a --token t',
      2,
      /--ca-fingerprint: missing; .*"cordon enroll-token create"/,
    ],
    ['enroll --server h --token t --ca-fingerprint abc', 2, /--ca-fingerprint: must be .* 64 hex digits/],
    ['run --server a:b', 2, /--server: "a:b" is not HOST:PORT, for example/],
    ['run --server h --agent-server h:0', 2, /--agent-server: "h:0" is not HOST:PORT/],
    ['run --server h --enforcer pf', 2, /--enforcer: must be one of auto, wfp, nftables, recording/],
    ['run --server h --log-level loud', 2, /--log-level: must be one of fatal/],
    ['run --server h --keepalive-seconds soon', 2, /--keepalive-seconds: must be a number of seconds/],
    ['run --server h --helper-services a/b', 2, /--helper-services: must be the name of a systemd unit/],
    [
      'run --server h --enforcer recording --data-dir DIR/a',
      2,
      /enrollment_token: missing; .*enroll-token create/,
    ],
    ['run --config DIR/none.yaml', 2, /none.yaml: cannot be read \(ENOENT\); give --config/],
    ['run --config DIR', 2, /cannot be read \(EISDIR\); give --config/],
    ['run --config DIR/broken.yaml', 2, /broken.yaml: is not YAML: .* at line \d+, column \d+/],
    ['run --config DIR/list.yaml', 2, /list.yaml: must hold keys and values/],
    ['run --config DIR/unknown.yaml', 2, /unknown.yaml: sever: unknown key; known keys: .*server/],
    ['run --config DIR/two.yaml', 2, /log_level: must be .*; .*keepalive_seconds: must be 1 to 600/],
    ['purge --data-dir DIR/a', 2, /--yes: missing; .*give --yes/],
    ['run --server h --enforcer recording --data-dir DIR/file/x', 1, /file\/x: ENOTDIR; .*--data-dir/],
    [
      'run --server h --enforcer recording --data-dir /proc/cordon',
      1,
      /\/proc\/cordon: ENOENT; .*--data-dir/,
    ],
    [
      `enroll --server 127.0.0.1:1 --data-dir DIR/a --token t --ca-fingerprint ${FINGERPRINT}`,
      1,
      /cannot reach 127.0.0.1 port 1 \(ECONNREFUSED\); check --server/,
    ],
  ] as const) {
    it(`says in one line what to do after "cordon-agent ${line}"`, async () => {
      const ended = await refusal(line);
      expect(ended.text).to.match(named);
      expect(ended.code).to.equal(code);
    });
  }

  it('names the fingerprint that the server showed instead of the pinned one', async () => {
    const server = await FakeManagementServer.start();
    try {
      const line = `enroll --server ${server.address} --data-dir DIR/b --token t --ca-fingerprint ${FINGERPRINT}`;
      const { code, text } = await refusal(line);
      expect(text)
        .to.contain(server.identity.caFingerprint)
        .and.match(/compare --ca-fingerprint/);
      expect(code).to.equal(1);
    } finally {
      server.stop();
    }
  });

  it('refuses a state file that it cannot read rather than calling the device released', async () => {
    const data = mkdtempSync(join(folder, 'state-'));
    writeFileSync(join(data, 'isolation.json'), '{"half');
    for (const command of ['status', 'restore']) {
      const { code, text } = await refusal(`${command} --data-dir ${data} --enforcer recording`);
      expect(text).to.contain('isolation.json');
      expect(code).to.equal(1);
    }
    chmodSync(data, 0o700);
  });
});
