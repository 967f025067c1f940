import { Server, status, type handleUnaryCall, type ServerUnaryCall } from '@grpc/grpc-js';
import { CordonError, toStatus } from '../../shared/errors.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import {
  LocalServiceService,
  type LocalServiceServer,
  type ShowIsolationResponse,
} from '../../shared/gen/cordon/v1/local_service.js';
import type { Logger } from '../../shared/log.js';
import type { IsolationOwner } from '../isolation/owner.js';
import type { Detections } from './detections.js';
import {
  deleteQuarantined,
  listQuarantine,
  restoreQuarantined,
  type LocalQuarantine,
} from './quarantined.js';
import type { LocalRelease } from './local-release.js';
import { passwordRequired } from './release-demand.js';

export interface LocalServiceParts {
  readonly log: Logger;
  readonly owner: Pick<IsolationOwner, 'observed' | 'accepted' | 'isolation'>;
  readonly release: LocalRelease;
  readonly detections: Detections;
  readonly quarantine: LocalQuarantine;
  readonly deviceId: string;
  readonly connected: () => boolean;
}

/** The largest request is a detection: 64 KiB of details. */
const LARGEST_REQUEST = 128 * 1024;
const IDLE_MS = 60_000;

/** LocalService for callers of one user. What this version does not serve yet is UNIMPLEMENTED. */
export function localService(parts: LocalServiceParts, caller: string): Server {
  const { log, release, detections, quarantine } = parts;
  const unary =
    <Request, Response>(
      answer: (request: Request, call: ServerUnaryCall<Request, Response>) => Promise<Response> | Response,
    ): handleUnaryCall<Request, Response> =>
    (call, callback) => {
      Promise.resolve()
        .then(() => answer(call.request, call))
        .then(
          (response) => callback(null, response),
          (error: unknown) => {
            if (!(error instanceof CordonError)) log.error({ err: error }, 'a local call failed inside');
            callback(toStatus(error));
          },
        );
    };
  const handlers: Pick<
    LocalServiceServer,
    | 'showIsolation'
    | 'disableIsolation'
    | 'reportDetection'
    | 'redeemOfflineCode'
    | 'listQuarantine'
    | 'restoreQuarantined'
    | 'deleteQuarantined'
  > = {
    showIsolation: unary(() => show(parts)),
    disableIsolation: unary(async (request, call) => ({
      observed: await release.release(request, caller, () => call.cancelled),
    })),
    reportDetection: unary(async (request) => ({ isolationId: await detections.report(request) })),
    listQuarantine: unary(() => listQuarantine(quarantine)),
    restoreQuarantined: unary(({ id }) => restoreQuarantined(id, caller, quarantine, log)),
    deleteQuarantined: unary(({ id }) => deleteQuarantined(id, caller, quarantine, log)),
    redeemOfflineCode: (_call, callback) =>
      callback({ code: status.UNIMPLEMENTED, details: 'offline codes are not served by this version' }),
  };
  const server = new Server({
    'grpc.max_receive_message_length': LARGEST_REQUEST,
    'grpc.max_connection_idle_ms': IDLE_MS,
    'grpc.max_concurrent_streams': 8,
  });
  server.addService(LocalServiceService, handlers);
  return server;
}

/** Settings can be seen always, exclusions only while isolated (seed). */
function show({ owner, connected, deviceId }: LocalServiceParts): ShowIsolationResponse {
  const { accepted, isolation } = owner;
  return {
    observed: owner.observed(),
    exclusions: (isolation?.settings.exclusions ?? []).filter(({ disabled }) => !disabled),
    manualSettings: withoutExclusions(accepted?.manualSettings),
    automaticSettings: withoutExclusions(accepted?.automaticSettings),
    passwordRequired: passwordRequired(accepted?.localRelease),
    connected: connected(),
    deviceId,
  };
}

function withoutExclusions(settings: IsolationSettings | undefined): IsolationSettings | undefined {
  return settings && { ...settings, exclusions: [] };
}
