/** A stage failed, or its process died: what happened, and to which one. */
export class StageFailure extends Error {
  /**
   * @param stage Index of the stage.
   * @param message What happened, in words.
   * @param lostPeer Whether it is only the echo of a neighbour's failure.
   */
  constructor(
    readonly stage: number,
    message: string,
    readonly lostPeer = false,
  ) {
    super(message);
    this.name = 'StageFailure';
  }
}

/**
 * The failure that began it: neighbours of a dead stage lose their connections and fail too, and their
 * complaints may arrive first.
 *
 * @param failures All failures of one run, in the order they came in.
 */
export function rootFailure(failures: StageFailure[]): StageFailure {
  return failures.find((failure) => !failure.lostPeer) ?? failures[0];
}
