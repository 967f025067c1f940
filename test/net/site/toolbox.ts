import { fileURLToPath } from 'node:url';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { AnswerMessage, RequestMessage, ToolAnswers, ToolName, ToolRequests } from './protocol.js';

/** Calls into the tool process of one host. Each rejects when that process is gone or refuses. */
export interface Toolbox {
  call<Name extends ToolName>(name: Name, request: ToolRequests[Name]): Promise<ToolAnswers[Name]>;
  /** Ends the process with all its connections and servers. */
  close(): Promise<void>;
}

/** Where a tool process runs. */
export interface ToolHost {
  readonly name: string;
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;
}

const PROGRAM = fileURLToPath(new URL('./tool-process.js', import.meta.url));

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts the tool process in the host's namespace; it ends with the host or with this process.
 * @param wrapper command that runs the command given after it, for example in a control group
 */
export function openToolbox(host: ToolHost, wrapper: readonly string[] = []): Promise<Toolbox> {
  const [command = process.execPath, ...args] = [...wrapper, process.execPath, PROGRAM];
  const child = host.spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map<number, Waiting>();
  let calls = 0;

  return new Promise((resolve, reject) => {
    const toolbox: Toolbox = {
      call: (name, request) =>
        new Promise((resolveCall, rejectCall) => {
          calls += 1;
          waiting.set(calls, { resolve: resolveCall, reject: rejectCall });
          const message: RequestMessage = { call: calls, name, request };
          child.send(message, (error) => error && rejectCall(error));
        }),
      close: () =>
        new Promise((resolveClose) => {
          child.once('close', () => resolveClose());
          child.kill('SIGKILL');
        }),
    };
    child.on('message', (message: AnswerMessage) => {
      switch (message.kind) {
        case 'ready':
          resolve(toolbox);
          return;
        case 'answer':
          waiting.get(message.call)?.resolve(message.answer as never);
          waiting.delete(message.call);
          return;
        case 'failed':
          waiting.get(message.call)?.reject(new Error(`${host.name}: ${message.message}`));
          waiting.delete(message.call);
          return;
      }
    });
    child.on('close', (code) => {
      const gone = new Error(`the tool process of ${host.name} ended with ${code ?? 'a signal'}`);
      reject(gone);
      for (const { reject: rejectCall } of waiting.values()) rejectCall(gone);
      waiting.clear();
    });
  });
}
