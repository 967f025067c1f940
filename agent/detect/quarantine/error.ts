/** Why something could not be done with a file and the quarantine. The message names no file: whoever asks knows it. */
export class QuarantineError extends Error {
  override readonly name = 'QuarantineError';

  constructor(
    readonly kind:
      /** It must not be touched, or does not fit. */
      | 'refused'
      /** Tried and not done. */
      | 'failed'
      /** Nothing is there. */
      | 'absent'
      /** Something is in the place to which it should go. */
      | 'in-the-way',
    message: string,
  ) {
    super(message);
  }
}
