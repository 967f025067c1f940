/** A folder that others may use as they should not. The message names it and says what to do. */
export class FolderError extends Error {
  override readonly name = 'FolderError';

  constructor(path: string, problem: string, whatToDo: string) {
    super(`${path}: ${problem}; ${whatToDo}`);
  }
}
