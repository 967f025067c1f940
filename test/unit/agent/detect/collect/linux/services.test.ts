import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { serviceCollector } from '../../../../../../agent/detect/collect/linux/services.js';
import { linuxSystem } from '../../../../../../agent/detect/collect/linux/system.js';
import { itNeeding } from '../../../../../net/site/it-needing.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../term-check.js';
import { temporaryRoot } from './temporary-root.js';

/**
 * What `systemctl show` of systemd 252 wrote of a unit that was started for it. systemd does not run where tests run, as a
 * rule.
 */
const SHOWN = `Type=simple
MainPID=0
ExecStart={ path=/usr/bin/gpg-agent ; argv[]=/usr/bin/gpg-agent --supervised ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
ExecReload={ path=/usr/bin/gpgconf ; argv[]=/usr/bin/gpgconf --reload gpg-agent ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
User=
Id=gpg-agent.service
Names=gpg-agent.service
Description=GnuPG cryptographic agent and passphrase cache
ActiveState=inactive
SubState=dead
UnitFileState=static

Type=exec
MainPID=26
ExecStartPre={ path=/bin/true ; argv[]=/bin/true --before ; ignore_errors=no ; start_time=[Fri 2026-11-27 00:26:07 UTC] ; stop_time=[Fri 2026-11-27 00:26:07 UTC] ; pid=25 ; code=exited ; status=0 }
ExecStart={ path=/bin/sleep ; argv[]=/bin/sleep 300s 7m ; ignore_errors=no ; start_time=[Fri 2026-11-27 00:26:07 UTC] ; stop_time=[n/a] ; pid=26 ; code=(null) ; status=0/0 }
User=
Id=cordon-probe.service
Names=cordon-probe.service
Description=A service made for a test
ActiveState=active
SubState=running
UnitFileState=disabled
`;

const units = linuxSystem()
  .files.list('/usr/lib/systemd/system')
  .filter((name) => name.endsWith('.service'));
const UNITS = { met: units.length > 0, why: 'no unit file is below /usr/lib/systemd/system' };

const SCRIPT = '#!/bin/sh\nexec sleep 300\n';

(process.platform === 'linux' ? describe : describe.skip)('services of Linux', () => {
  const root = temporaryRoot();
  const program = join(root.folder, 'opt/probe daemon');
  const shown = { code: 0, stdout: SHOWN, stderr: '' };
  const fileOnly = serviceCollector(root.system());

  before(() => {
    root.write('opt/probe daemon', SCRIPT);
    root.write(
      'etc/systemd/system/cordon-probe.service',
      [
        '# made for a test',
        '[Unit]',
        'Description=A service made for a test',
        '[Service]',
        'Type=exec',
        'User=nobody',
        `ExecStart=-"${program}" --first \\`,
        '; a comment in between',
        '  --second',
        '[Install]',
        'WantedBy=multi-user.target',
      ].join('\n'),
    );
    root.link(
      'etc/systemd/system/multi-user.target.wants/cordon-probe.service',
      '/etc/systemd/system/cordon-probe.service',
    );
    root.write(
      'usr/lib/systemd/system/plain.service',
      '[Service]\nExecStart=/usr/bin/plain -x\n[Install]\nAlias=other.service\n',
    );
    root.write(
      'usr/lib/systemd/system/plain.service.d/10-more.conf',
      '[Service]\nExecStartPre=/tmp/.hidden/run\n',
    );
    root.write(
      'etc/systemd/system/plain.service.d/20-again.conf',
      '[Service]\nExecStart=\nExecStart=/usr/bin/other\n',
    );
    root.link('etc/systemd/system/other.service', '/usr/lib/systemd/system/plain.service');
    root.link('etc/systemd/system/off.service', '/dev/null');
    root.write('usr/lib/systemd/system/off.service', '[Service]\nExecStart=/usr/bin/off\n');
    root.write('usr/lib/systemd/system/tty@.service', '[Service]\nExecStart=/sbin/agetty %I\n');
    root.link(
      'etc/systemd/system/getty.target.wants/tty@tty1.service',
      '/usr/lib/systemd/system/tty@.service',
    );
    root.write(
      'etc/init.d/ancient',
      '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: ancient\n# Short-Description: An old one\n# Description:       It does old things\n### END INIT INFO\n',
    );
    root.link('etc/rc3.d/S01ancient', '../init.d/ancient');
    root.write('etc/init.d/plain', '#!/bin/sh\n');
    root.write('run/systemd/private', '');
  });

  after(() => root.remove());

  describe('from files', () => {
    // Whether a service runs, and as which process, only systemd knows: see below.
    const known = [...fileOnly.terms].filter((term) => !/\/(status|pid)$/.test(term));

    itTellsEveryTerm({ terms: new Set(known) }, async () => ({
      item: itemWith(await collectAll(fileOnly), 'ServiceItem/name', 'cordon-probe'),
      known: {
        name: 'cordon-probe.service',
        descriptiveName: 'A service made for a test',
        description: 'A service made for a test',
        path: program,
        arguments: '--first --second',
        mode: 'enabled',
        type: 'exec',
        startedAs: 'nobody',
        pathmd5sum: createHash('md5').update(SCRIPT).digest('hex'),
        pathsha1sum: createHash('sha1').update(SCRIPT).digest('hex'),
        pathsha256sum: createHash('sha256').update(SCRIPT).digest('hex'),
      },
    }));

    it('are read with their drop-ins, under all of their names, once', async () => {
      const { items, problems } = await collectAll(fileOnly);
      expect(problems).to.deep.equal([]);
      const plain = items.filter(({ values }) => values.get('ServiceItem/name')?.includes('plain'));
      expect(plain).to.have.length(1);
      expect(plain[0]?.values.get('ServiceItem/name')).to.include('other.service');
      expect(plain[0]?.values.get('ServiceItem/path')).to.deep.equal(['/tmp/.hidden/run', '/usr/bin/other']);
      expect(plain[0]?.values.get('ServiceItem/mode')).to.deep.equal(['disabled']);
      expect(plain[0]?.values.get('ServiceItem/startedAs')).to.deep.equal(['root']);
    });

    it('know masked ones, instances of templates, and scripts in /etc/init.d', async () => {
      const collected = await collectAll(fileOnly);
      const off = itemWith(collected, 'ServiceItem/name', 'off');
      expect([...off.values.keys()]).to.deep.equal(['ServiceItem/name', 'ServiceItem/mode']);
      expect(off.values.get('ServiceItem/mode')).to.deep.equal(['masked']);
      const tty = itemWith(collected, 'ServiceItem/name', 'tty@tty1.service');
      expect(tty.values.get('ServiceItem/path')).to.deep.equal(['/sbin/agetty']);
      expect(tty.values.get('ServiceItem/mode')).to.deep.equal(['enabled']);
      const ancient = itemWith(collected, 'ServiceItem/name', 'ancient');
      expect(Object.fromEntries(ancient.values)).to.include.keys('ServiceItem/description');
      expect(ancient.values.get('ServiceItem/path')).to.deep.equal(['/etc/init.d/ancient']);
      expect(ancient.values.get('ServiceItem/mode')).to.deep.equal(['enabled']);
      expect(ancient.values.get('ServiceItem/type')).to.deep.equal(['sysv']);
    });

    it('have no hashes where no document asks for them', async () => {
      const collected = await collectAll(fileOnly, { terms: new Set(['ServiceItem/pathsha1sum']) });
      const item = itemWith(collected, 'ServiceItem/name', 'cordon-probe');
      expect(item.values.has('ServiceItem/pathsha1sum')).to.equal(true);
      expect(item.values.has('ServiceItem/pathmd5sum')).to.equal(false);
    });

    itNeeding(UNITS, 'of this computer are all found', async () => {
      const { items } = await collectAll(serviceCollector(linuxSystem()), { terms: new Set() });
      const names = new Set(items.flatMap(({ values }) => values.get('ServiceItem/name') ?? []));
      expect(units.filter((name) => !names.has(name))).to.deep.equal([]);
    });
  });

  describe('from systemd', () => {
    const booted = temporaryRoot();
    const collector = serviceCollector(booted.system({ runTool: () => Promise.resolve(shown) }));

    before(() => {
      booted.write('run/systemd/system/.keep', '');
      booted.write('etc/systemd/system/cordon-probe.service', '[Service]\nExecStart=/bin/changed\n');
    });

    after(() => booted.remove());

    itTellsEveryTerm(
      {
        terms: new Set([
          'ServiceItem/status',
          'ServiceItem/pid',
          'ServiceItem/mode',
          'ServiceItem/arguments',
        ]),
      },
      async () => ({
        item: itemWith(await collectAll(collector, { terms: new Set() }), 'ServiceItem/name', 'cordon-probe'),
        known: { status: 'running', pid: 26, mode: 'disabled', arguments: '300s 7m' },
      }),
    );

    it('have the commands that run and those that their files have now', async () => {
      const collected = await collectAll(collector, { terms: new Set() });
      const item = itemWith(collected, 'ServiceItem/name', 'cordon-probe');
      expect(item.values.get('ServiceItem/path')).to.deep.equal(['/bin/true', '/bin/sleep', '/bin/changed']);
      expect(collected.items).to.have.length(2);
      const stopped = itemWith(collected, 'ServiceItem/name', 'gpg-agent');
      expect(stopped.values.has('ServiceItem/pid')).to.equal(false);
      expect(stopped.values.get('ServiceItem/status')).to.deep.equal(['inactive', 'dead']);
    });

    it('are left with what files say where systemctl fails, and that is reported', async () => {
      const failing = booted.system({ runTool: () => Promise.reject(new Error('systemctl did not end')) });
      const { items, problems } = await collectAll(serviceCollector(failing), { terms: new Set() });
      expect(items).to.have.length(1);
      expect(problems).to.deep.equal(['running services: systemctl did not end']);
    });
  });
});
