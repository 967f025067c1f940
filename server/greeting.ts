import { hostname } from 'node:os';
import type { ServerConfig } from './config.js';
import { formatAddress, isWildcard, parseListenAddress } from './listen-address.js';
import type { RunningServer } from './server.js';

/** What is printed once a server runs: all of it at the first start, one line later. */
export function greeting(config: ServerConfig, server: RunningServer): string {
  const host = reachableHost(config);
  const ready =
    `cordon-server is ready: agents on port ${server.agentPort}, ` +
    `management on port ${server.managementPort}, CA ${server.caFingerprint}`;
  const { initialAdminToken } = server;
  if (initialAdminToken === undefined) return ready;
  return `${ready}

First start. The administrator token is shown once, here:

  ${initialAdminToken}

  data folder      ${config.data_dir}
  CA fingerprint   ${server.caFingerprint}

Next, on the computer you work at:

  ${loginCommand(formatAddress(host, server.managementPort), initialAdminToken, server.caFingerprint)}
  cordon enroll-token create

Lost the token? Stop the server and run: cordon-server admin-token --data-dir ${config.data_dir}`;
}

/** What is printed for a fresh administrator token. */
export function newTokenMessage(config: ServerConfig, token: string, caFingerprint: string): string {
  const port = parseListenAddress(config.management_listen)?.port ?? 7444;
  const login = loginCommand(formatAddress(reachableHost(config), port), token, caFingerprint);
  return `New administrator token, shown once, here:

  ${token}

Start the server, then:

  ${login}`;
}

function loginCommand(server: string, token: string, caFingerprint: string): string {
  return `cordon login --server ${server} --token ${token} --ca-fingerprint ${caFingerprint}`;
}

/** A name that is in the server certificate: configured, listened on, or the machine's own. */
function reachableHost(config: ServerConfig): string {
  const listen = parseListenAddress(config.management_listen)?.host;
  if (listen !== undefined && !isWildcard(listen)) return listen;
  return config.server_names[0] ?? hostname();
}
