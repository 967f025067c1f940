import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid, reasonName } from '../../shared/errors.js';
import {
  EnrollmentServiceService,
  type EnrollmentServiceServer,
} from '../../shared/gen/cordon/v1/enrollment_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Logger } from '../../shared/log.js';
import type { Enrollment } from '../identity/enrollment.js';
import { RefusalLimiter } from '../identity/refusal-limiter.js';
import { addressOfPeer } from './peer.js';
import { unary } from './unary.js';

const LARGEST_CERTIFICATE = 16 * 1024;

export interface EnrollmentServiceDeps {
  readonly enrollment: Enrollment;
  readonly clock: Clock;
  readonly log: Logger;
  /** After the commit: a device is new, or came back. */
  readonly deviceChanged: (deviceId: string) => void;
}

/** The one service without a bearer token: a token or a certificate in the request stands for the caller. */
export function enrollmentService(deps: EnrollmentServiceDeps): EnrollmentServiceServer {
  const limiter = new RefusalLimiter();
  const { enroll, getEnrollmentStatus, renewCertificate } = EnrollmentServiceService;
  return {
    enroll: unary(deps, enroll.path, (call) =>
      guarded(deps, limiter, { method: enroll.path, peer: call.getPeer() }, async (address) => {
        const { deviceId, ...response } = await deps.enrollment.enroll(call.request, address);
        const { deviceName } = response;
        deps.log.info({ device_id: deviceId, device_name: deviceName, address }, 'a device enrolled');
        deps.deviceChanged(deviceId);
        return response;
      }),
    ),
    getEnrollmentStatus: unary(deps, getEnrollmentStatus.path, async (call) => {
      requireCertificate(call.request.certificate);
      return { status: await deps.enrollment.status(call.request.certificate) };
    }),
    renewCertificate: unary(deps, renewCertificate.path, (call) =>
      guarded(deps, limiter, { method: renewCertificate.path, peer: call.getPeer() }, () => {
        requireCertificate(call.request.certificate);
        return deps.enrollment.renew(call.request);
      }),
    ),
  };
}

/** Slows down an address that was refused too often, and logs every refusal with its reason. */
async function guarded<Response>(
  { clock, log }: EnrollmentServiceDeps,
  limiter: RefusalLimiter,
  { method, peer }: { method: string; peer: string },
  run: (address: string) => Promise<Response>,
): Promise<Response> {
  const address = addressOfPeer(peer);
  const waitMs = limiter.waitMs(address, clock.sinceBoot());
  if (waitMs > 0) {
    log.debug({ method, address }, 'an address is slowed down');
    throw tooManyAttempts(waitMs);
  }
  try {
    return await run(address);
  } catch (error) {
    if (error instanceof CordonError) {
      limiter.refused(address, clock.sinceBoot());
      log.warn({ method, address, reason: reasonName(error.reason) }, `refused: ${error.message}`);
    }
    throw error;
  }
}

function requireCertificate(der: Uint8Array): void {
  if (der.length > 0 && der.length <= LARGEST_CERTIFICATE) return;
  throw invalid([{ field: 'certificate', description: 'must be a certificate in DER, up to 16 KiB' }]);
}

function tooManyAttempts(waitMs: number): CordonError {
  return new CordonError(
    status.RESOURCE_EXHAUSTED,
    ErrorReason.ERROR_REASON_TOO_MANY_ATTEMPTS,
    `too many refused attempts from this address; try again in ${Math.ceil(waitMs / 1000)} s`,
    { retryAfterMs: waitMs },
  );
}
