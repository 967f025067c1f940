import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Plan } from '../../../agent/enforce/plan.js';
import type { EnforcerCalls } from './enforcer-process.js';
import type { Host } from '../site/index.js';

const PROGRAM = fileURLToPath(new URL('./enforcer-process.js', import.meta.url));

/** What an enforcer answered, as it comes over IPC: hashes are hex. */
export interface AppliedAnswer {
  readonly planId: string;
  readonly rulesHash: string;
  readonly unsupported: readonly { readonly name: string; readonly detail: string }[];
}

export interface InspectionAnswer {
  readonly kind: 'absent' | 'intact' | 'altered';
  readonly detail?: string;
  readonly holdsForMs?: number;
}

/** An enforcer in a process of its own inside a device. */
export class DeviceAgent {
  private ids = 0;

  private constructor(private readonly child: ChildProcess) {}

  static async start(device: Host): Promise<DeviceAgent> {
    const child = device.spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new DeviceAgent(child);
  }

  apply(plan: Plan): Promise<AppliedAnswer> {
    return this.call('apply', plan) as Promise<AppliedAnswer>;
  }

  clear(): Promise<unknown> {
    return this.call('clear');
  }

  inspect(expected?: { planId: string; rulesHash: string }): Promise<InspectionAnswer> {
    return this.call('inspect', expected) as Promise<InspectionAnswer>;
  }

  terminate(plan: Plan): Promise<{ ended: number; remaining: readonly unknown[] }> {
    return this.call('terminate', plan) as Promise<{ ended: number; remaining: readonly unknown[] }>;
  }

  disturbances(): Promise<{ detail: string; at: number }[]> {
    return this.call('disturbances') as Promise<{ detail: string; at: number }[]>;
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    const closed = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await closed;
  }

  call(name: keyof EnforcerCalls, argument?: unknown): Promise<unknown> {
    this.ids += 1;
    const id = this.ids;
    return new Promise((resolve, reject) => {
      const onMessage = (message: { id: number; value?: unknown; failure?: string }): void => {
        if (message.id !== id) return;
        this.child.off('message', onMessage);
        if (message.failure !== undefined) reject(new Error(message.failure));
        else resolve(plain(message.value));
      };
      this.child.on('message', onMessage);
      this.child.send({ id, name, argument });
    });
  }
}

/** Hashes arrive as the JSON form of a Buffer. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('rulesHash' in value)) return value;
  const { data } = value.rulesHash as { data: number[] };
  return { ...value, rulesHash: Buffer.from(data).toString('hex') };
}
