import { callCordon, type Ended } from '../../fakes/call-cordon.js';

/** `cordon` in a process that stays on a host: what each call of a person does, without the start of a program. */

export interface OperatorCall {
  readonly id: number;
  readonly args: readonly string[];
  /** Standard input. */
  readonly input: string;
}

export interface OperatorAnswer extends Ended {
  readonly id: number;
}

const environment = { CORDON_CONFIG: process.env['CORDON_CONFIG'] ?? '' };
process.on('message', ({ id, args, input }: OperatorCall) => {
  void callCordon(args, environment, input).then((ended) =>
    process.send?.({ id, ...ended } satisfies OperatorAnswer),
  );
});
process.on('disconnect', () => process.exit(0));
