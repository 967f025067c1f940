import { hostname } from 'node:os';
import { fetchCaCertificate } from '../../shared/tls/fetch-ca.js';
import type { Endpoint } from '../enforce/plan.js';
import type { HostPort, ServerAddresses } from '../link/server-addresses.js';
import type { Identity } from './identity.js';
import { managementPort, ManagementError } from './management-port.js';

/** What an operator hands over to make a computer a device. */
export interface Invitation {
  readonly token: string;
  /** SHA-256 of the CA certificate, 64 hex digits. */
  readonly caFingerprint: string;
}

const HANDSHAKE_WITHIN_MS = 10_000;
/** Longest host name that the contract takes. */
const LONGEST_HOSTNAME = 253;

/**
 * Makes this computer a device: finds the CA by its fingerprint, then enrols over TLS that is verified with it. May be
 * repeated after a crash at any point: id and key are the same each time.
 * @throws ManagementError with what the server or the network said
 */
export async function enroll(
  identity: Identity,
  addresses: ServerAddresses,
  server: HostPort,
  { token, caFingerprint }: Invitation,
): Promise<void> {
  await addresses.refresh();
  const endpoints = addresses.managementEndpoints();
  if (endpoints.length === 0)
    throw new ManagementError(`server: the name ${server.host} has no address; check --server and DNS`, '');
  let failure: unknown;
  for (const endpoint of endpoints) {
    try {
      return await enrollAt(identity, endpoint, token, caFingerprint);
    } catch (error) {
      // The server has answered: asking it again at another address would be a second refusal.
      if (error instanceof ManagementError && error.reason !== '') throw error;
      failure = error;
    }
  }
  throw failure instanceof ManagementError ? failure : new ManagementError(unreachable(failure, server), '');
}

/** The server could not be asked, or did not show the CA that was pinned. */
function unreachable(failure: unknown, { host, port }: HostPort): string {
  const { code, message } = failure as NodeJS.ErrnoException;
  if (code !== undefined && code.startsWith('E')) {
    return `cannot reach ${host} port ${port} (${code}); check --server, that the server runs, and firewalls between`;
  }
  return message.includes('pinned CA')
    ? `${message}; compare --ca-fingerprint with what the server printed: another computer may answer in its place`
    : `${message}; check --server: it must be the management port of a Cordon server`;
}

async function enrollAt(
  identity: Identity,
  endpoint: Endpoint,
  token: string,
  caFingerprint: string,
): Promise<void> {
  const ca = await fetchCaCertificate(endpoint.address, endpoint.port, caFingerprint, HANDSHAKE_WITHIN_MS);
  const csr = await identity.enrollmentCsr();
  const response = await managementPort(endpoint, [ca]).enroll(
    token,
    csr,
    hostname().slice(0, LONGEST_HOSTNAME),
  );
  // The pinned certificate is trusted, and what the server adds to it over the verified connection.
  const others = response.caCertificates.filter((der) => !der.equals(ca));
  identity.adoptEnrolment(response.certificate, [ca, ...others]);
}
