/** A reason why nothing can run here, and what to do about it. Shown without a stack. */
export class SetupFailure extends Error {
  /**
   * @param {string} cause
   * @param {string} action
   */
  constructor(cause, action) {
    super(`${cause}\n  next: ${action}`);
  }
}
