import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { isIPv6 } from 'node:net';
import { readServiceError } from '../../shared/errors.js';
import {
  EnrollmentServiceClient,
  type EnrollmentStatus,
  type EnrollResponse,
} from '../../shared/gen/cordon/v1/enrollment_service.js';
import { toPem } from '../../shared/tls/pem.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';
import type { Endpoint } from '../enforce/plan.js';

/** What an agent without a usable certificate asks of the management port. Rejects with ManagementError. */
export interface ManagementPort {
  enroll(token: string, csr: Buffer, hostname: string): Promise<EnrollResponse>;
  status(certificate: Buffer): Promise<EnrollmentStatus>;
  /** A new certificate for the same key, DER. */
  renew(certificate: Buffer, csr: Buffer): Promise<Buffer>;
}

/** The management port refused or could not be reached. */
export class ManagementError extends Error {
  override readonly name = 'ManagementError';

  /**
   * @param reason stable reason of the server, for example `ENROLLMENT_TOKEN_REFUSED`; empty: it could not be asked
   */
  constructor(
    message: string,
    readonly reason: string,
  ) {
    super(message);
  }
}

const CALL_WITHIN_MS = 15_000;

/** The management port at one address, verified with the CA. A connection lives as long as one call. */
export function managementPort({ address, port }: Endpoint, ca: readonly Buffer[]): ManagementPort {
  const roots = Buffer.from(ca.map((der) => toPem('CERTIFICATE', der)).join(''));
  const call = async <Response>(
    run: (
      client: EnrollmentServiceClient,
      options: { deadline: number },
      done: (error: ServiceError | null, response: Response) => void,
    ) => void,
  ): Promise<Response> => {
    const target = isIPv6(address) ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`;
    const client = new EnrollmentServiceClient(target, credentials.createSsl(roots), {
      'grpc.ssl_target_name_override': SERVER_TLS_NAME,
      'grpc.default_authority': SERVER_TLS_NAME,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
    });
    try {
      return await new Promise<Response>((resolve, reject) => {
        run(client, { deadline: Date.now() + CALL_WITHIN_MS }, (error, response) =>
          error ? reject(toManagementError(error, address, port)) : resolve(response),
        );
      });
    } finally {
      client.close();
    }
  };
  return {
    enroll: (token, csr, hostname) =>
      call((client, options, done) => client.enroll({ token, csr, hostname }, new Metadata(), options, done)),
    status: async (certificate) => {
      const answer = await call<{ status: EnrollmentStatus }>((client, options, done) =>
        client.getEnrollmentStatus({ certificate }, new Metadata(), options, done),
      );
      return answer.status;
    },
    renew: async (certificate, csr) => {
      const response = await call<{ certificate: Buffer }>((client, options, done) =>
        client.renewCertificate({ certificate, csr }, new Metadata(), options, done),
      );
      return response.certificate;
    },
  };
}

function toManagementError(error: ServiceError, address: string, port: number): ManagementError {
  const { code, message, reason } = readServiceError(error);
  if (code === status.UNAVAILABLE && reason === '') {
    return new ManagementError(
      `no connection to ${address} port ${port}; check --server (the management port, 7444 by default) and that the server runs`,
      reason,
    );
  }
  return new ManagementError(`${address} port ${port}: ${message}`, reason);
}
