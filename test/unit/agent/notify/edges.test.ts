import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { desktopsIn, tellDesktop } from '../../../../agent/notify/desktops.js';
import type { Message } from '../../../../agent/notify/message.js';
import { runBriefly } from '../../../../agent/notify/run-briefly.js';
import { LoginTerminal, TERMINALS } from '../../../fakes/login-terminal.js';
import { until } from '../../../fault/until.js';
import { canBeAnotherUser, itNeeding } from '../../../net/site/index.js';

/** Nothing here takes longer, also on a busy computer. */
const SOON_MS = 8_000;
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
const DESKTOP = {
  met:
    canBeAnotherUser() &&
    has('dbus-daemon') &&
    has('notify-send') &&
    spawnSync('/usr/bin/python3', ['-I', '-c', 'import dbus; from gi.repository import GLib']).status === 0,
  why: 'needs root and dbus-daemon, libnotify-bin, python3-dbus, python3-gi',
};

describe('telling logged-in users', function () {
  this.timeout(20_000);
  let folder: string;
  const children: ChildProcess[] = [];
  const terminals: LoginTerminal[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-notify-'));
    chmodSync(folder, 0o755);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const terminal of terminals.splice(0)) terminal.close();
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

  itNeeding(TERMINALS, 'writes on the terminal of somebody who is logged in, and on no other', async () => {
    const loggedIn = await LoginTerminal.open(join(folder, 'logged-in'));
    const other = await LoginTerminal.open(join(folder, 'other'));
    terminals.push(loggedIn, other);
    const [command = '', ...args] = [...loggedIn.loggedIn, process.execPath, WALL_PROCESS];
    const ended = start(command, [...args, JSON.stringify(MESSAGE)]);
    await until('the end of wall', SOON_MS, () => ended() !== '');
    expect(JSON.parse(ended())).to.deep.equal({ kind: 'done' });
    await until('the message', SOON_MS, () => loggedIn.printed.includes('Until: 16:09'));
    expect(loggedIn.printed).to.contain('Cordon: This computer is isolated from the network');
    expect(loggedIn.printed).to.contain('Reason: a <b>bold</b> & long one');
    expect(other.printed).to.equal('');
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
      await until('the bus', SOON_MS, () => existsSync(join(own, 'bus')));
      const printed = start('/usr/bin/python3', ['-I', '-c', NOTIFICATION_DAEMON], { ...as, env });
      await until('the desktop', SOON_MS, () => printed().startsWith('ready'));
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

  it('finds the desktops of others beside a user who put a loop of links in the place of the bus', async () => {
    const own = join(folder, String(process.getuid?.()));
    for (const place of [own, join(folder, '54321')]) mkdirSync(place);
    symlinkSync('bus', join(folder, '54321', 'bus'));
    if (process.getuid?.() === 0) chownSync(join(folder, '54321'), 54_321, 54_321);
    const bus = createServer();
    await new Promise<void>((resolve) => bus.listen(join(own, 'bus'), resolve));
    try {
      expect(desktopsIn(folder).map((desktop) => desktop.folder)).to.deep.equal([own]);
    } finally {
      bus.close();
    }
  });

  it('gives a tool 5 s, and takes a missing one for no error', async () => {
    expect(await runBriefly('cordon-no-such-tool', [])).to.deep.equal({ kind: 'missing' });
    const startedAt = performance.now();
    const ending = await runBriefly('sleep', ['60'], { input: 'x'.repeat(1_000_000) });
    expect(ending).to.deep.equal({ kind: 'failed', why: 'sleep ended with SIGKILL' });
    expect(performance.now() - startedAt).to.be.within(4_500, 8_000);
  });
});
