import { randomBytes } from 'node:crypto';
import { Host } from './host.js';
import { must } from './run.js';

export interface SiteOptions {
  /** Number of devices, 1 to 100. */
  readonly devices: number;
  /** Whether a host sits behind the first device, which forwards for it. */
  readonly routed: boolean;
}

/** A small network: everything but `routed` is on one link, 192.0.2.0/24 and 2001:db8:77::/64. */
export interface Site {
  readonly server: Host;
  readonly devices: readonly Host[];
  /** A computer that has nothing to do with Cordon. */
  readonly outside: Host;
  /** Behind the first device, 198.51.100.0/24 and 2001:db8:78::/64; undefined unless asked for. */
  readonly routed: Host | undefined;
  /** Ends every process and removes every namespace. Idempotent. */
  close(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Builds the site. It is removed by `close`, and also when this process exits or is interrupted.
 * @throws Error with the command that failed; nothing is left then
 */
export function createSite(options: SiteOptions): Site {
  const prefix = `cordon-${process.pid}-${randomBytes(3).toString('hex')}`;
  const namespaces: string[] = [];
  const hosts: Host[] = [];
  const addNamespace = (name: string): string => {
    const namespace = `${prefix}-${name}`;
    must('ip', ['netns', 'add', namespace]);
    namespaces.push(namespace);
    ip(namespace, 'link set lo up');
    return namespace;
  };

  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    for (const host of hosts) host.killAll();
    for (const namespace of namespaces) must('ip', ['netns', 'del', namespace]);
    process.off('exit', close);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    close();
    process.kill(process.pid, signal);
  };
  process.once('exit', close);
  for (const signal of SIGNALS) process.once(signal, onSignal);

  try {
    const link = addNamespace('link');
    ip(link, 'link add br0 type bridge', 'link set br0 up');
    const attach = (name: string, number: number): Host => {
      const v4 = `192.0.2.${number}`;
      const v6 = `2001:db8:77::${number.toString(16)}`;
      const host = new Host(name, addNamespace(name), v4, v6);
      hosts.push(host);
      ip(link, `link add p${number} type veth peer name eth0 netns ${host.namespace}`);
      ip(link, `link set p${number} master br0`, `link set p${number} up`);
      configure(host.namespace, 'eth0', `${v4}/24`, `${v6}/64`);
      return host;
    };
    const server = attach('server', 1);
    const outside = attach('outside', 2);
    const devices = Array.from({ length: options.devices }, (_, index) =>
      attach(`dev${index + 1}`, 11 + index),
    );
    const router = devices[0];
    const routed = options.routed && router ? addRouted(router, [server, outside], addNamespace) : undefined;
    if (routed) hosts.push(routed);
    return { server, devices, outside, routed, close };
  } catch (error) {
    close();
    throw error;
  }
}

function addRouted(router: Host, others: readonly Host[], addNamespace: (name: string) => string): Host {
  const host = new Host('routed', addNamespace('routed'), '198.51.100.2', '2001:db8:78::2');
  ip(router.namespace, `link add eth1 type veth peer name eth0 netns ${host.namespace}`);
  configure(router.namespace, 'eth1', '198.51.100.1/24', '2001:db8:78::1/64');
  configure(host.namespace, 'eth0', `${host.v4}/24`, `${host.v6}/64`);
  ip(host.namespace, 'route add default via 198.51.100.1', '-6 route add default via 2001:db8:78::1');
  sysctl(router.namespace, 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  for (const other of others) {
    ip(other.namespace, `route add 198.51.100.0/24 via ${router.v4}`);
    ip(other.namespace, `-6 route add 2001:db8:78::/64 via ${router.v6}`);
  }
  return host;
}

/** Addresses are usable at once: duplicate address detection would hold IPv6 back for a second. */
function configure(namespace: string, device: string, v4: string, v6: string): void {
  sysctl(namespace, `net.ipv6.conf.${device}.accept_dad=0`);
  ip(
    namespace,
    `addr add ${v4} dev ${device}`,
    `-6 addr add ${v6} dev ${device} nodad`,
    `link set ${device} up`,
  );
}

function ip(namespace: string, ...commands: readonly string[]): void {
  for (const command of commands) {
    const words = command.split(' ');
    const family = words[0] === '-6' ? ['-6'] : [];
    must('ip', [...family, '-n', namespace, ...words.slice(family.length)]);
  }
}

/** Written through /proc: it shows the settings of the namespace that the writing process is in. */
function sysctl(namespace: string, ...settings: readonly string[]): void {
  for (const setting of settings) {
    const [key = '', value = ''] = setting.split('=');
    const path = `/proc/sys/${key.replaceAll('.', '/')}`;
    must('nsenter', [`--net=/run/netns/${namespace}`, '--', 'sh', '-c', `echo ${value} > ${path}`]);
  }
}
