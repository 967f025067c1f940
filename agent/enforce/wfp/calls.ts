import { codeOf, isSessionLost, WfpError, type ErrorContext } from './errors.js';
import type { EngineHandle, FunctionName, Signatures, WfpLibrary } from './library.js';

type WithoutEngine<Parameters extends readonly unknown[]> = Parameters extends [EngineHandle, ...infer Rest]
  ? Rest
  : never;

/** Functions whose first argument is the session. */
export type SessionFunction = {
  [Name in FunctionName]: Signatures[Name] extends [EngineHandle, ...unknown[]] ? Name : never;
}[FunctionName];

/**
 * The calls of one session: one at a time, none after its end. BFE allows a handle to be used by several threads, but then a
 * transaction of one would take up what another does.
 */
export class SessionCalls {
  private last: Promise<unknown> = Promise.resolve();
  private ending: Promise<void> | undefined;

  constructor(
    readonly library: WfpLibrary,
    private readonly engine: EngineHandle,
  ) {}

  get ended(): boolean {
    return this.ending !== undefined;
  }

  /**
   * Where nothing can hold it up: inside a transaction, which has the lock. Returns the error; 0: none.
   * @throws WfpError ERROR_INVALID_HANDLE after the end
   */
  now<Name extends SessionFunction>(name: Name, ...parameters: WithoutEngine<Signatures[Name]>): number {
    this.refuseAfterEnd(name);
    return this.library.now(name, ...this.withEngine<Name>(parameters));
  }

  /** On another thread, after every call before it. */
  later<Name extends SessionFunction>(
    name: Name,
    ...parameters: WithoutEngine<Signatures[Name]>
  ): Promise<number> {
    return this.inTurn(() => {
      this.refuseAfterEnd(name);
      return this.library.later(name, ...this.withEngine<Name>(parameters));
    });
  }

  /** Refuses further calls, waits for the one under way, then does `work` and closes the session. Idempotent. */
  end(work: (call: SessionCalls['lastCall']) => Promise<void>): Promise<void> {
    this.ending ??= this.inTurn(async () => {
      await work(this.lastCall);
      const code = await this.library.later('FwpmEngineClose0', this.engine);
      // One that BFE has ended by itself needs no end.
      if (code !== 0 && !isSessionLost(new WfpError('FwpmEngineClose0', code)))
        check('FwpmEngineClose0', code);
    });
    return this.ending;
  }

  private readonly lastCall = <Name extends SessionFunction>(
    name: Name,
    ...parameters: WithoutEngine<Signatures[Name]>
  ): Promise<number> => this.library.later(name, ...this.withEngine<Name>(parameters));

  private inTurn<Result>(call: () => Promise<Result>): Promise<Result> {
    const turn = this.last.then(call);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private refuseAfterEnd(name: FunctionName): void {
    if (this.ended) throw new WfpError(name, codeOf('ERROR_INVALID_HANDLE'));
  }

  private withEngine<Name extends SessionFunction>(parameters: unknown[]): Signatures[Name] {
    return [this.engine, ...parameters] as Signatures[Name];
  }
}

/** @throws WfpError where the code is one */
export function check(call: FunctionName, code: number, context?: ErrorContext): void {
  if (code !== 0) throw new WfpError(call, code, context);
}

/**
 * What a call has written.
 * @throws Error where it said that all is well but wrote nothing
 */
export function written<Type>(call: FunctionName, [value]: readonly [Type | null]): Type {
  if (value === null) throw new Error(`${call} succeeded and gave nothing back`);
  return value;
}
