import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import ipaddr from 'ipaddr.js';
import { defaultExclusions } from '../../../shared/exclusions/profiles.js';
import type { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { until } from '../../fault/until.js';
import { DeviceAgent } from '../enforcer/device-agent.js';
import { planFor } from '../enforcer/plan-for.js';
import {
  countPackets,
  createSite,
  itNeeding,
  requireNetAdmin,
  type Host,
  type PacketCounters,
  type Site,
} from '../site/index.js';
import { exchange } from './datagram.js';
import { V4, V6, v4Message, v4Type, v6RelayedSolicit, v6Type } from './dhcp-messages.js';
import { DhcpPrograms, missingPrograms, type Family } from './dhcp-programs.js';
import type { LoggedProcess } from './logged-process.js';

requireNetAdmin();

const FAMILIES: readonly Family[] = ['v4', 'v6'];
const missing = missingPrograms();
const PROGRAMS = { met: missing.length === 0, why: `${missing.join(', ')} not installed; run test/setup.sh` };

/** The default exclusions without those of some profiles. */
const without = (...profiles: readonly string[]): Exclusion[] =>
  defaultExclusions().filter(({ source }) => !profiles.includes(source?.profileId ?? ''));

describe('default exclusions, with real DHCP and DNS', function () {
  // Clients count in whole seconds.
  this.timeout(40_000);
  let site: Site;
  let device: Host;
  let outside: Host;
  let agent: DeviceAgent;
  let programs: DhcpPrograms;
  let counters: PacketCounters;

  beforeEach(async () => {
    site = createSite({ devices: 1, routed: false });
    const first = site.devices[0];
    if (!first) throw new Error('the site has no device');
    device = first;
    outside = site.outside;
    programs = new DhcpPrograms();
    agent = await DeviceAgent.start(device);
    counters = await countPackets(outside, {
      unicast: `ip daddr ${outside.v4} udp dport 67`,
      broadcast: 'ip daddr 255.255.255.255 udp dport 67',
      group: 'ip6 daddr ff02::1:2 udp dport 547',
    });
  });
  afterEach(() => {
    site.close();
    programs.close();
  });

  const isolate = (exclusions: Exclusion[]): Promise<unknown> => agent.apply(planFor(site, exclusions));

  async function arrived(name: string): Promise<number> {
    return (await counters.read()).get(name) ?? 0;
  }

  async function macOf(host: Host): Promise<string> {
    const { stdout } = await host.exec('ip', ['-json', 'link', 'show', 'eth0']);
    const [link] = JSON.parse(stdout) as { readonly address: string }[];
    if (!link) throw new Error(`${host.name} has no eth0`);
    return link.address;
  }

  itNeeding(
    PROGRAMS,
    'keep the lease of a DHCP client: it renews by unicast, rebinds by broadcast',
    async () => {
      await device.exec('ip', ['addr', 'flush', 'dev', 'eth0', 'scope', 'global']);
      const server = await programs.startServer(outside, 'v4', { renew: 2, rebind: 5 });
      const client = programs.startClient(device, 'v4');
      const [, leased = ''] = await client.until(/bound to (\S+)/);
      const granted = (): number => server.count(/DHCPACK on /);

      await isolate(defaultExclusions());
      const [unicasts, broadcasts, grants] = [
        await arrived('unicast'),
        await arrived('broadcast'),
        granted(),
      ];
      await client.until(/bound to/);
      expect(await arrived('unicast'), 'renewals by unicast').to.be.above(unicasts);
      expect(await arrived('broadcast'), 'none by broadcast').to.equal(broadcasts);
      expect(granted(), 'leases granted').to.be.above(grants);

      await isolate(without('dhcp-client'));
      const [blockedFrom, grantsBefore] = [await arrived('unicast'), granted()];
      await client.until(/DHCPREQUEST for .* port 67/);
      await sleep(300);
      expect(await arrived('unicast'), 'renewals without the profile').to.equal(blockedFrom);
      expect(granted(), 'leases granted without the profile').to.equal(grantsBefore);

      // The server no longer hears unicast. This client rebinds through a packet socket, which no packet filter sees: it
      // shows that rebinding works, not why.
      const lost = `table inet lost { chain output { type filter hook output priority 0; ip daddr ${outside.v4} drop; }; }`;
      expect((await device.exec('nft', ['-f', '-'], { input: lost })).code).to.equal(0);
      await isolate(defaultExclusions());
      await client.until(/DHCPREQUEST for .* to 255\.255\.255\.255[^]*bound to/);
      expect(await arrived('broadcast'), 'rebinding by broadcast').to.be.above(broadcasts);
      await client.kill();

      // One that rebinds through an ordinary socket; it cannot choose the interface itself, so a route does.
      await device.exec('ip', ['route', 'add', '255.255.255.255', 'dev', 'eth0']);
      const mac = await macOf(device);
      const rebind = async (): Promise<number | undefined> => {
        const message = v4Message({ type: V4.request, mac, clientAddress: leased });
        const to = { address: '255.255.255.255', port: 67 };
        return v4Type(await exchange(device, { message, from: { address: '0.0.0.0', port: 68 }, to }));
      };
      expect(await rebind(), 'rebinding from a UDP socket').to.equal(V4.ack);
      await isolate(without('dhcp-client'));
      const seen = await arrived('broadcast');
      expect(await rebind(), 'rebinding from a UDP socket without the profile').to.equal(undefined);
      expect(await arrived('broadcast')).to.equal(seen);
      // The request alone is not enough: its answer comes from an address that was not asked, unless a renewal by unicast
      // is remembered.
      await device.exec('conntrack', ['-F']);
      await isolate(defaultExclusions().filter(({ name }) => name !== 'DHCP answers'));
      expect(await rebind(), 'rebinding without the rule for answers').to.equal(undefined);
      expect(await arrived('broadcast')).to.be.above(seen);
    },
  );

  // A client goes from Renew to Rebind when nobody has answered for the time between; with no such time, at once.
  for (const { message, times } of [
    { message: 'Renew', times: { renew: 2, rebind: 50 } },
    { message: 'Rebind', times: { renew: 2, rebind: 2 } },
  ]) {
    itNeeding(PROGRAMS, `keep the lease of a DHCPv6 client: ${message}`, async () => {
      const server = await programs.startServer(outside, 'v6', times);
      const client = programs.startClient(device, 'v6');
      await client.until(/Bound to lease/);
      const heard = (): number => server.count(new RegExp(`${message} message from`));

      await isolate(defaultExclusions());
      const before = heard();
      await client.until(new RegExp(`XMT: ${message} on[^]*RCV: Reply[^]*Bound to lease`));
      // What the client says may be of the moment before the isolation: its output comes later than the server's.
      await until(`the server hears ${message}`, 15_000, () => heard() > before);
      expect(heard()).to.be.above(before);

      await isolate(without('dhcp-client'));
      const [messages, packets] = [heard(), await arrived('group')];
      await client.until(new RegExp(`XMT: ${message} on`));
      await sleep(300);
      expect(heard(), 'without the profile').to.equal(messages);
      expect(await arrived('group'), 'packets without the profile').to.equal(packets);
    });
  }

  async function lookUp(from: Host, server: Host): Promise<Record<string, boolean>> {
    const results = FAMILIES.flatMap((family) =>
      ['+notcp', '+tcp'].map(async (transport): Promise<[string, boolean]> => {
        const { stdout } = await from.exec('dig', [
          ...[`@${server[family]}`, transport, '+time=1', '+tries=1', '+short'],
          ...['printer.example', 'A', 'printer.example', 'AAAA'],
        ]);
        return [
          `${family} ${transport}`,
          stdout.includes('192.0.2.77') && stdout.includes('2001:db8:77::77'),
        ];
      }),
    );
    return Object.fromEntries(await Promise.all(results));
  }
  const everyWay = (answer: boolean): Record<string, boolean> => ({
    ...{ 'v4 +notcp': answer, 'v4 +tcp': answer },
    ...{ 'v6 +notcp': answer, 'v6 +tcp': answer },
  });

  itNeeding(PROGRAMS, 'let the device resolve names, by UDP and TCP', async () => {
    await programs.startDnsmasq(outside);
    await isolate(defaultExclusions());
    expect(await lookUp(device, outside)).to.deep.equal(everyWay(true));
    await isolate(without('dns-client'));
    expect(await lookUp(device, outside), 'without the profile').to.deep.equal(everyWay(false));
  });

  itNeeding(PROGRAMS, 'let a DNS server on the device answer, by UDP and TCP', async () => {
    await programs.startDnsmasq(device);
    await isolate(defaultExclusions());
    expect(await lookUp(outside, device)).to.deep.equal(everyWay(true));
    await isolate(without('dns-server'));
    expect(await lookUp(outside, device), 'without the profile').to.deep.equal(everyWay(false));
  });

  const LEASED: Readonly<Record<Family, RegExp>> = { v4: /bound to/, v6: /Bound to lease/ };

  itNeeding(PROGRAMS, 'let a DHCP server on the device give leases to clients', async () => {
    const server = await programs.startDnsmasq(device);
    await isolate(without('dhcp-server'));
    await outside.exec('ip', ['addr', 'del', `${outside.v4}/24`, 'dev', 'eth0']);
    const clients = FAMILIES.map((family): [Family, LoggedProcess] => [
      family,
      programs.startClient(outside, family),
    ]);
    await Promise.all([
      clients[0]?.[1].until(/DHCPDISCOVER[^]*DHCPDISCOVER/),
      clients[1]?.[1].until(/XMT: Solicit[^]*XMT: Solicit/),
    ]);
    expect(server.count(/DHCPDISCOVER|DHCPSOLICIT/), 'asked without the profile').to.equal(0);
    for (const [family, client] of clients) {
      expect(client.count(LEASED[family]), `${family} without the profile`).to.equal(0);
    }
    await Promise.all(
      clients.map(([family, client]) =>
        client.until(LEASED[family], 8_000, () => isolate(defaultExclusions())),
      ),
    );
    expect(server.count(/DHCPACK/), 'leases of IPv4').to.be.at.least(1);
    expect(server.count(/DHCPREPLY/), 'leases of IPv6').to.be.at.least(1);
  });

  itNeeding(
    PROGRAMS,
    'let a DHCP server on the device answer relays, wherever they want the answer',
    async () => {
      await programs.startDnsmasq(device);
      const mac = await macOf(outside);
      const relay = '192.0.2.3';
      await outside.exec('ip', ['addr', 'add', `${relay}/24`, 'dev', 'eth0']);
      const v4 = async (): Promise<number | undefined> => {
        const message = v4Message({ type: V4.discover, mac, relayAddress: relay });
        const from = { address: outside.v4, port: 67 };
        const answerAt = { address: relay, port: 67 };
        return v4Type(
          await exchange(outside, { message, from, to: { address: device.v4, port: 67 }, answerAt }),
        );
      };
      const v6 = async (): Promise<number | undefined> => {
        const bytes = Buffer.from(ipaddr.parse(outside.v6).toByteArray());
        const message = v6RelayedSolicit(mac, bytes, bytes);
        const from = { address: outside.v6, port: 0 };
        const answerAt = { address: outside.v6, port: 547 };
        return v6Type(
          await exchange(outside, { message, from, to: { address: device.v6, port: 547 }, answerAt }),
        );
      };
      await isolate(defaultExclusions());
      expect([await v4(), await v6()]).to.deep.equal([V4.offer, V6.relayReply]);
      await isolate(without('dhcp-server'));
      expect([await v4(), await v6()], 'without the profile').to.deep.equal([undefined, undefined]);
    },
  );
});
