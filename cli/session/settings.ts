import { readFileSync } from 'node:fs';
import { certificatesFromPem, toPem } from '../../shared/tls/pem.js';
import { CliError, ExitCode } from '../exit.js';
import type { ConfigFile } from './config-file.js';
import { parseServerAddress, type ServerAddress } from './server-address.js';

/** Global flags that say which server to talk to, and as whom. */
export interface ConnectionFlags {
  readonly server?: string;
  readonly token?: string;
  /** Path of a PEM file. */
  readonly ca?: string;
}

/** What a connection needs. */
export interface ConnectionSettings {
  readonly address: ServerAddress;
  readonly token: string;
  readonly caPem: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Flags win over the environment, the environment over the file. @throws CliError that names what is missing */
export function connectionSettings(
  flags: ConnectionFlags,
  env: Environment,
  file: ConfigFile,
): ConnectionSettings {
  const server = flags.server ?? env.CORDON_SERVER ?? file.server;
  const token = flags.token ?? env.CORDON_TOKEN ?? file.token;
  const caPath = flags.ca ?? env.CORDON_CA;
  if (!server) throw notLoggedIn('no server is known', 'or give --server');
  if (!token) throw notLoggedIn('no token is known', 'or give --token');
  if (!caPath && !file.ca) throw notLoggedIn('no CA certificate is known', 'or give --ca FILE');
  return {
    address: requireAddress(server, originOf(flags.server, env.CORDON_SERVER)),
    token: requireToken(token),
    caPem: caPath ? readCaFile(caPath) : (file.ca ?? ''),
  };
}

/** @param origin flag or variable that it came from */
export function requireAddress(text: string, origin: string): ServerAddress {
  const address = parseServerAddress(text);
  if (address) return address;
  throw new CliError(
    ExitCode.USAGE,
    `${origin}: "${text}" is not an address`,
    'write HOST:PORT, for example cordon.example.org:7444',
  );
}

/** A token goes into a header: what cannot be one is refused here, where the message can say so. */
export function requireToken(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CliError(
    ExitCode.USAGE,
    '--token: this is not a token',
    'copy the token as the server printed it, on one line',
  );
}

/** Certificates of a PEM file, and nothing else of it. */
export function readCaFile(path: string): string {
  let certificates: Buffer[];
  try {
    certificates = certificatesFromPem(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CliError(
      ExitCode.USAGE,
      `--ca: ${path} cannot be used (${(error as Error).message})`,
      'give the ca.crt of the server',
    );
  }
  if (certificates.length === 0) {
    throw new CliError(
      ExitCode.USAGE,
      `--ca: ${path} holds no certificate`,
      'give a PEM file with the CA of the server',
    );
  }
  return certificates.map((der) => toPem('CERTIFICATE', der)).join('');
}

function originOf(flag: string | undefined, variable: string | undefined): string {
  if (flag !== undefined) return '--server';
  return variable !== undefined ? 'CORDON_SERVER' : 'server in the configuration file';
}

function notLoggedIn(message: string, alternative: string): CliError {
  return new CliError(
    ExitCode.UNREACHABLE,
    `not logged in: ${message}`,
    `run "cordon login --server HOST:7444 --token TOKEN --ca-fingerprint FINGERPRINT", ${alternative}`,
  );
}
