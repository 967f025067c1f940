import { Client, credentials } from '@grpc/grpc-js';
import { agentEnd } from './agent-end.js';
import { LONGEST_WAIT_MS } from './attempts.js';
import { LONGEST_CHECK_MS } from './login/check.js';

/** A method of the generated service definition. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export const DEADLINE_MS = 10_000;
/** With a password: others may be in front of it, and each wrong one costs time. */
export const PASSWORD_DEADLINE_MS = DEADLINE_MS + LONGEST_WAIT_MS + 3 * LONGEST_CHECK_MS;

/** 10,000 exclusions fit. */
const LARGEST_ANSWER = 16 * 1024 * 1024;

/**
 * One call to the agent of this device, for a process that ends afterwards: the library may keep the connection for some
 * seconds.
 * @param path of its control socket; name of its pipe on Windows
 * @throws ServiceError of the agent; LocalSocketError where there is no agent or the place is not safe
 */
export async function callAgent<Request, Response>(
  path: string,
  method: Method<Request, Response>,
  request: Request,
  deadlineMs = DEADLINE_MS,
): Promise<Response> {
  const { target, release } = await agentEnd(path);
  const client = new Client(target, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': LARGEST_ANSWER,
  });
  try {
    return await new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        { deadline: Date.now() + deadlineMs },
        (error, response) =>
          response === undefined ? reject(error ?? new Error('no answer')) : resolve(response),
      ),
    );
  } finally {
    client.close();
    release();
  }
}
