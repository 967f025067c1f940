import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../site/index.js';
import { systemEnvironment } from '../site/run.js';
import { LoggedProcess } from './logged-process.js';

export type Family = 'v4' | 'v6';
const PROGRAMS = ['dhcpd', 'dhclient', 'dnsmasq', 'dig', 'conntrack'] as const;

/** First bytes of the addresses that servers give out here; static addresses of the site are below. */
const POOL = { v4: ['192.0.2.100', '192.0.2.150'], v6: ['2001:db8:77::1000', '2001:db8:77::1fff'] } as const;

/** Seconds after which clients renew (T1) and rebind (T2). Short, so that a test need not wait. */
export interface Times {
  readonly renew: number;
  readonly rebind: number;
}
const LEASE_SECONDS = 60;

const CLIENT_SCRIPT = `#!/bin/sh
# The address is all that the tests need of a lease.
PATH=$PATH:/usr/sbin:/sbin
[ -n "$new_ip_address" ] && ip addr replace "$new_ip_address/24" dev "$interface"
[ -n "$new_ip6_address" ] && ip -6 addr replace "$new_ip6_address/64" dev "$interface" nodad
exit 0
`;

function find(program: string): string | undefined {
  const { stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { env: systemEnvironment() });
  return stdout.toString().trim() || undefined;
}

/** The programs that this computer lacks. */
export function missingPrograms(): readonly string[] {
  return PROGRAMS.filter((program) => find(program) === undefined);
}

/** Real DHCP and DNS programs, with their files in a folder of their own. */
export class DhcpPrograms {
  private readonly folder = mkdtempSync(join(tmpdir(), 'cordon-dhcp-'));
  private files = 0;

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** ISC DHCP server on `eth0`; it sends and receives below the packet filter in IPv4, so it stands outside the device. */
  async startServer(host: Host, family: Family, { renew, rebind }: Times): Promise<LoggedProcess> {
    const [first, last] = POOL[family];
    const lease = LEASE_SECONDS;
    const times = `default-lease-time ${lease}; max-lease-time ${lease}; preferred-lifetime ${lease};
      dhcp-cache-threshold 0; option dhcp-renewal-time ${renew}; option dhcp-rebinding-time ${rebind};`;
    const subnet =
      family === 'v4'
        ? `authoritative; ping-check false; subnet 192.0.2.0 netmask 255.255.255.0 { range ${first} ${last}; }`
        : `subnet6 2001:db8:77::/64 { range6 ${first} ${last}; }`;
    const server = new LoggedProcess(host, this.unconfined('dhcpd'), [
      ...[`-${family.slice(1)}`, '-f', '-d'],
      ...['-cf', this.file('dhcpd.conf', `${times}\n${subnet}\n`)],
      ...['-lf', this.file('dhcpd.leases', ''), '-pf', this.file('dhcpd.pid', ''), 'eth0'],
    ]);
    await server.until(/Server starting service/);
    return server;
  }

  /** ISC DHCP client on `eth0`. It asks again after a second while nobody answers. */
  startClient(host: Host, family: Family): LoggedProcess {
    const settings = 'initial-delay 0; initial-interval 1; backoff-cutoff 1; retry 1; timeout 4;\n';
    const script = this.file('dhclient-script', CLIENT_SCRIPT);
    chmodSync(script, 0o755);
    return new LoggedProcess(host, this.unconfined('dhclient'), [
      ...[`-${family.slice(1)}`, '-d', '-v', '-cf', this.file('dhclient.conf', settings), '-sf', script],
      ...['-lf', this.file('dhclient.leases', ''), '-pf', this.file('dhclient.pid', ''), 'eth0'],
    ]);
  }

  /** DNS and DHCP server for both IP versions, on ordinary UDP and TCP sockets. It knows the name `printer.example`. */
  async startDnsmasq(host: Host): Promise<LoggedProcess> {
    const server = new LoggedProcess(host, 'dnsmasq', [
      ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--log-facility=-', '--user=root'],
      ...['--no-resolv', '--no-hosts', '--host-record=printer.example,192.0.2.77,2001:db8:77::77'],
      ...['--bind-interfaces', '--interface=eth0', '--log-dhcp', '--no-ping', '--dhcp-authoritative'],
      `--dhcp-leasefile=${this.file('dnsmasq.leases', '')}`,
      ...[`--dhcp-range=${POOL.v4.join(',')},2m`, `--dhcp-range=${POOL.v6.join(',')},64,2m`],
    ]);
    await server.until(/DHCPv6, IP range/);
    return server;
  }

  private file(name: string, content: string): string {
    this.files += 1;
    const path = join(this.folder, `${this.files}-${name}`);
    writeFileSync(path, content);
    return path;
  }

  /** A copy: AppArmor, where it is on, knows these programs by their paths and keeps them from our files. */
  private unconfined(program: string): string {
    const found = find(program);
    if (found === undefined) throw new Error(`${program} is not installed: run test/setup.sh`);
    this.files += 1;
    const copy = join(this.folder, `${this.files}-${program}`);
    copyFileSync(found, copy);
    return copy;
  }
}
