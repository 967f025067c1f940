import type { Fleet } from '../net/fleet/fleet.js';
import type { Site } from '../net/site/index.js';

/** Leaves the site running until Ctrl-C, and says what to try on it. */
export async function keepRunning(site: Site, fleet: Fleet): Promise<void> {
  const device = site.devices[0];
  const socket = device && fleet.controlSocket(device);
  const enter = (namespace: string | undefined): string => `nsenter --net=/run/netns/${namespace}`;
  // As an ordinary user the site lives in a user namespace of its own: another terminal must enter that first.
  const user = process.getuid?.() === 0 && process.env['CORDON_SITE_USER_NAMESPACE'] !== '1';
  const door = user ? '' : `  nsenter -t ${process.pid} -U -m -n --preserve-credentials $SHELL\n`;
  console.log(`
The site is running; Ctrl-C ends it. In another terminal, in this folder${user ? ', as root' : ''}:

${door}  export CORDON_CONFIG=${fleet.cliConfig}
  alias cordon="${enter(site.server.namespace)} ${process.execPath} bin/cordon"
  cordon devices list
  cordon isolate dev1 --reason "trying it" --wait
  ${enter(device?.namespace)} ${process.execPath} bin/cordon-agent isolation /show --control-socket ${socket}
  ${enter(device?.namespace)} nft list table inet cordon
  ${enter(site.outside.namespace)} ping -c 1 ${device?.v4}
  cordon release dev1 --reason "tried" --wait
  cordon audit list
`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
