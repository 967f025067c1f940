import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { desktopsIn, tellDesktop } from '../../../../agent/notify/desktops.js';
import type { Message } from '../../../../agent/notify/message.js';
import { runBriefly } from '../../../../agent/notify/run-briefly.js';
import { canBeAnotherUser, itNeeding } from '../../../net/site/index.js';

const WALL_PROCESS = fileURLToPath(new URL('./wall-process.js', import.meta.url));
const MESSAGE: Message = {
  title: 'This computer is isolated from the network',
  lines: ['Reason: a <b>bold</b> & long one', 'Until: 16:09'],
};
/** `nobody`: the bus wants a user whom the system knows. */
const USER = 65_534;

/** Desktop of a user: shows nothing, and prints what it was asked to show and by whom. */
const NOTIFICATION_DAEMON = `
import json, dbus, dbus.service, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
INTERFACE = 'org.freedesktop.Notifications'
class Desktop(dbus.service.Object):
    @dbus.service.method(INTERFACE, in_signature='susssasa{sv}i', out_signature='u', sender_keyword='sender')
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout, sender=None):
        user = bus.get_unix_user(sender)
        print(json.dumps({'app': app, 'summary': summary, 'body': body, 'urgency': int(hints['urgency']), 'user': user}), flush=True)
        return 1
    @dbus.service.method(INTERFACE, out_signature='as')
    def GetCapabilities(self):
        return ['body', 'body-markup']
    @dbus.service.method(INTERFACE, out_signature='ssss')
    def GetServerInformation(self):
        return ('test', 'test', '1', '1.2')
name = dbus.service.BusName(INTERFACE, bus)
desktop = Desktop(bus, '/org/freedesktop/Notifications')
print('ready', flush=True)
GLib.MainLoop().run()
`;

const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
const isRoot = process.getuid?.() === 0;
const TERMINAL = {
  met: isRoot && has('wall') && has('script') && spawnSync('unshare', ['--mount', 'true']).status === 0,
  why: 'needs root, wall and script (bsdutils), and mount namespaces',
};
const DESKTOP = {
  met:
    canBeAnotherUser() &&
    has('dbus-daemon') &&
    has('notify-send') &&
    spawnSync('/usr/bin/python3', ['-I', '-c', 'import dbus; from gi.repository import GLib']).status === 0,
  why: 'needs root and dbus-daemon, libnotify-bin, python3-dbus, python3-gi',
};

/** One record of the list of who is logged in, as utmp(5) has it on 64-bit Linux. */
function loginRecord(line: string): Buffer {
  const record = Buffer.alloc(384);
  const USER_PROCESS = 7;
  record.writeInt16LE(USER_PROCESS, 0);
  record.writeInt32LE(process.pid, 4);
  record.write(line, 8);
  record.write(line.slice(-4), 40);
  record.write('somebody', 44);
  return record;
}

describe('telling logged-in users', function () {
  this.timeout(20_000);
  let folder: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-notify-'));
    chmodSync(folder, 0o755);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts a program that ends with the test; its output so far. */
  function start(command: string, args: readonly string[], options: object = {}): () => string {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    children.push(child);
    let printed = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    return () => printed;
  }

  async function until<Value>(what: string, find: () => Value | false): Promise<Value> {
    const deadline = performance.now() + 8_000;
    for (;;) {
      const found = find();
      if (found) return found;
      if (performance.now() > deadline) throw new Error(`not seen within 8 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  itNeeding(TERMINAL, 'writes on the terminal of somebody who is logged in, and on no other', async () => {
    const openTerminal = async (name: string): Promise<{ line: string; printed: () => string }> => {
      const file = join(folder, name);
      // A program without a terminal of its own: whatever is printed is what reached this one.
      const printed = start('script', ['-qefc', `tty > ${file}; exec sleep 15`, '/dev/null']);
      const line = await until(
        `terminal ${name}`,
        () => existsSync(file) && readFileSync(file, 'utf8').trim(),
      );
      return { line: line.replace('/dev/', ''), printed };
    };
    const [loggedIn, other] = [await openTerminal('logged-in'), await openTerminal('other')];
    writeFileSync(join(folder, 'utmp'), loginRecord(loggedIn.line));
    const mounting = 'mount -t tmpfs none /run && cp "$0" /run/utmp && exec "$@"';
    const args = ['--mount', 'sh', '-c', mounting, join(folder, 'utmp'), process.execPath, WALL_PROCESS];
    const ended = start('unshare', [...args, JSON.stringify(MESSAGE)]);
    expect(JSON.parse(await until('the end of wall', ended))).to.deep.equal({ kind: 'done' });
    await until('the message', () => loggedIn.printed().includes('Until: 16:09'));
    expect(loggedIn.printed()).to.contain('Cordon: This computer is isolated from the network');
    expect(loggedIn.printed()).to.contain('Reason: a <b>bold</b> & long one');
    expect(other.printed()).to.equal('');
  });

  itNeeding(
    DESKTOP,
    'shows it on the desktop of a user, as that user, and as text where markup is read',
    async () => {
      const own = join(folder, String(USER));
      mkdirSync(own);
      chownSync(own, USER, USER);
      const as = { uid: USER, gid: USER };
      const address = `unix:path=${join(own, 'bus')}`;
      const env = { PATH: process.env['PATH'], DBUS_SESSION_BUS_ADDRESS: address };
      start('dbus-daemon', ['--session', '--nofork', `--address=${address}`], { ...as, env });
      await until('the bus', () => existsSync(join(own, 'bus')));
      const printed = start('/usr/bin/python3', ['-I', '-c', NOTIFICATION_DAEMON], { ...as, env });
      await until('the desktop', () => printed().startsWith('ready'));
      const [desktop, ...others] = desktopsIn(folder);
      if (!desktop || others.length > 0) throw new Error('the desktop is not found');
      expect(await tellDesktop(desktop, MESSAGE)).to.deep.equal({ kind: 'done' });
      const [, asked = ''] = printed().split('\n');
      expect(JSON.parse(asked)).to.deep.equal({
        app: 'Cordon',
        summary: MESSAGE.title,
        body: 'Reason: a &lt;b&gt;bold&lt;/b&gt; &amp; long one\nUntil: 16:09',
        urgency: 2,
        user: USER,
      });
    },
  );

  it('takes no folder for a desktop that has no bus or is not named by its owner', () => {
    for (const name of ['54321', 'root', '0']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, '54321', 'bus'), '');
    expect(desktopsIn(folder)).to.deep.equal([]);
    expect(desktopsIn(join(folder, 'none'))).to.deep.equal([]);
  });

  it('gives a tool 5 s, and takes a missing one for no error', async () => {
    expect(await runBriefly('cordon-no-such-tool', [])).to.deep.equal({ kind: 'missing' });
    const startedAt = performance.now();
    const ending = await runBriefly('sleep', ['60'], { input: 'x'.repeat(1_000_000) });
    expect(ending).to.deep.equal({ kind: 'failed', why: 'sleep ended with SIGKILL' });
    expect(performance.now() - startedAt).to.be.within(4_500, 8_000);
  });
});
